package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version = ""

type buildInfo struct {
	Version string          `json:"version"`
	Commit  string          `json:"commit,omitempty"`
	Go      string          `json:"go"`
	OS      string          `json:"os"`
	Server  json.RawMessage `json:"server,omitempty"`
}

func thisBuild() buildInfo {
	b := buildInfo{Version: version, Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	if b.Version == "" {
		b.Version = "dev"
	}
	return b
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: c.t("显示版本；服务在运行时也显示它的版本", "Show the version, and the server's when it runs"),
		Args:  c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			cl, err := c.connect(1)
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), 500*time.Millisecond)
			defer cancel()
			reachErr := cl.Get(ctx, "/v1/version", "", &b.Server)
			return c.emit(b, func() {
				fmt.Fprintf(c.out, "jieli %s %s %s %s\n", b.Version, b.Commit, b.Go, b.OS)
				if reachErr != nil {
					fmt.Fprintf(c.out, c.t("服务 %s：未运行或不可达\n", "server %s: not running or not reachable\n"), cl.Server())
					return
				}
				fmt.Fprintf(c.out, c.t("服务 %s：%s\n", "server %s: %s\n"), cl.Server(), b.Server)
			})
		},
	}
}
