package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

func (c *cli) partyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "party",
		Short: c.t("机构的接入凭证", "Credentials of parties"),
		Args:  c.args(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.partyCredentialsCommand())
	return cmd
}

// partyCredentials is what the server answers; a file of them is what a party is given.
type partyCredentials struct {
	Party string `json:"party"`
	NATS  struct {
		URL      string `json:"url"`
		User     string `json:"user"`
		Password string `json:"password"`
		Stream   string `json:"stream"`
		Consumer string `json:"consumer"`
		Ingress  string `json:"ingress"`
	} `json:"nats"`
	Token   string `json:"token"`
	Pending bool   `json:"pending,omitempty"`
}

func (c *cli) partyCredentialsCommand() *cobra.Command {
	var renew, revoke bool
	file := ""
	cmd := &cobra.Command{
		Use:   "credentials ID",
		Short: c.t("签发、更换或撤销一家机构的 NATS 用户与 HTTP 令牌", "Give a party its NATS user and HTTP token, new ones, or end them"),
		Args:  c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if renew && revoke {
				return usage("--renew 与 --revoke 不能同时使用", "--renew and --revoke exclude each other")
			}
			server, err := c.connect(1)
			if err != nil {
				return err
			}
			defer server.Close()
			path := "/v1/parties/" + url.PathEscape(args[0]) + "/credentials"
			if revoke {
				var done map[string]any
				if err := server.Call(cmd.Context(), http.MethodDelete, path, nil, &done); err != nil {
					return err
				}
				return c.emit(done, func() { fmt.Fprintln(c.out, clean(args[0]), c.t("的凭证已撤销", "has no credentials any more")) })
			}
			body, err := json.Marshal(map[string]bool{"renew": renew})
			if err != nil {
				return err
			}
			var given partyCredentials
			if err := server.Call(cmd.Context(), http.MethodPost, path, body, &given); err != nil {
				return err
			}
			return c.handOver(&given, file)
		},
	}
	cmd.Flags().BoolVar(&renew, "renew", false, c.t("作废现有凭证并签发新的", "end the present ones and give new ones"))
	cmd.Flags().BoolVar(&revoke, "revoke", false, c.t("撤销凭证", "end them"))
	cmd.Flags().StringVar(&file, "file", "", c.t("写入文件（仅本人可读）而不显示", "write them to a file that only its owner may read, instead of showing them"))
	return cmd
}

// handOver writes the credentials to a file or shows them.
func (c *cli) handOver(given *partyCredentials, file string) error {
	if given.Pending {
		fmt.Fprintln(c.err, c.t("外部消息代理尚无该机构的账户：请将 credentials/accounts.conf 送至各节点并重新加载", "the broker elsewhere does not have the party's account yet: bring credentials/accounts.conf to its nodes and reload them"))
	}
	if file != "" {
		b, err := json.MarshalIndent(given, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(b, '\n'), 0o600)
		}
		return err
	}
	return c.emit(given, func() {
		for _, line := range [][2]string{
			{"NATS", given.NATS.URL}, {c.t("用户", "user"), given.NATS.User}, {c.t("口令", "password"), given.NATS.Password},
			{c.t("命令主题", "commands"), given.NATS.Ingress}, {c.t("视图", "view"), given.NATS.Stream + " / " + given.NATS.Consumer}, {c.t("HTTP 令牌", "HTTP token"), given.Token},
		} {
			fmt.Fprintln(c.out, pad(line[0], 10), clean(line[1]))
		}
	})
}
