package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/services/allinone"
)

func (c *cli) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve SERVICE... [flags]",
		Short: c.t("以独立进程运行服务（外部消息代理和 Redis）", "Run services as a process of its own (external broker and Redis)"),
		Long: c.t("服务："+strings.Join(allinone.Services, "、")+"。同一系统的各进程共用消息代理、Redis 和凭证目录；每个服务可以有多个进程。参数见 jieli serve SERVICE -h。",
			"Services: "+strings.Join(allinone.Services, ", ")+". The processes of a system share a broker, Redis and a folder of credentials; each service may have several. Flags: jieli serve SERVICE -h."),
		Example:            "  jieli serve demand --dir demand-1 --broker nats://127.0.0.1:4222 --credentials broker/credentials --store redis://127.0.0.1:6379/0",
		DisableFlagParsing: true, // the flags are those of the services' own programs
		RunE: func(_ *cobra.Command, args []string) error {
			n := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") })
			if n < 0 {
				n = len(args)
			}
			if n == 0 {
				return usage("请写明服务："+strings.Join(allinone.Services, " "), "name a service: "+strings.Join(allinone.Services, " "))
			}
			if code := allinone.Main(version, args[n:], c.err, args[:n]...); code != 0 {
				return &failure{code: code, quiet: true} // it has said why
			}
			return nil
		},
	}
}

func (c *cli) brokerCommand() *cobra.Command {
	var dir, ca, cert, key string
	var nodes []string
	cmd := &cobra.Command{
		Use:   "broker",
		Short: c.t("为独立的消息代理写出 nats-server 配置和凭证", "Write nats-server configurations and credentials for a broker of its own"),
		Long: c.t("在目录中写出每个节点的 <名称>.conf，以及各进程共用的 credentials 目录。节点写作 名称=客户端地址,集群地址。已有的密码保持不变。",
			"Writes <name>.conf for each node and the folder credentials that the processes share. A node is name=client address,cluster address. Passwords that are there stay."),
		Example: "  jieli broker --dir broker --node n1=127.0.0.1:4222,127.0.0.1:6222 --node n2=127.0.0.1:4223,127.0.0.1:6223 --node n3=127.0.0.1:4224,127.0.0.1:6224",
		Args:    c.args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			var list []allinone.BrokerNode
			for _, n := range nodes {
				name, addresses, named := strings.Cut(n, "=")
				client, cluster, _ := strings.Cut(addresses, ",")
				if !named || name == "" || client == "" {
					return usage(fmt.Sprintf("节点 %q 应写作 名称=客户端地址,集群地址", n), fmt.Sprintf("the node %q must be name=client address,cluster address", n))
				}
				store, err := filepath.Abs(filepath.Join(dir, name))
				if err != nil {
					return err
				}
				list = append(list, allinone.BrokerNode{Name: name, Client: client, Cluster: cluster, Store: store})
			}
			var tls *allinone.BrokerTLS
			if cert != "" || key != "" || ca != "" {
				if cert == "" || key == "" || ca == "" {
					return usage("--ca、--cert、--key 须同时给出", "--ca, --cert and --key go together")
				}
				tls = &allinone.BrokerTLS{CA: ca, Cert: cert, Key: key}
				for _, file := range []*string{&tls.CA, &tls.Cert, &tls.Key} {
					full, err := filepath.Abs(*file)
					if err != nil {
						return err
					}
					*file = full
				}
			}
			files, err := allinone.WriteBroker(dir, list, tls)
			if err != nil {
				return fileTrouble(err)
			}
			return c.emit(files, func() {
				for _, f := range files {
					fmt.Fprintf(c.out, "nats-server -c %s\n", f)
				}
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "dir", "jieli-broker", c.t("目录", "directory"))
	flags.StringArrayVar(&nodes, "node", []string{"n1=127.0.0.1:4222"}, c.t("节点（可重复）", "a node; may be repeated"))
	flags.StringVar(&ca, "ca", "", c.t("签发者证书", "certificate of the signer"))
	flags.StringVar(&cert, "cert", "", c.t("节点证书", "certificate of the nodes"))
	flags.StringVar(&key, "key", "", c.t("节点私钥", "key of the nodes"))
	return cmd
}

// readyMax bounds the question of a health check.
const readyMax = 3 * time.Second

// readyCommand is the health check of a container that has no other program.
func (c *cli) readyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ready URL",
		Short:   c.t("检查一个健康地址是否应答 200，供容器使用", "Ask whether a health address answers 200, for containers"),
		Example: "  jieli ready http://127.0.0.1:8080/readyz",
		Args:    c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), readyMax)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
			if err != nil {
				return usage(fmt.Sprintf("%q 不是 URL", args[0]), fmt.Sprintf("%q is no URL", args[0]))
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				fmt.Fprintln(c.err, err)
				return said()
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				fmt.Fprintln(c.err, answer.Status)
				return said()
			}
			return nil
		},
	}
}
