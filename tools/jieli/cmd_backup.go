package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/services/allinone"
)

func (c *cli) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: c.t("备份运行中的系统（账本与联系信息，不含凭证）到 gzip 压缩的 tar 文件", "Back a running system up (ledgers and contacts, no credentials) into a gzipped tar"),
		Long: c.t("系统照常运行。备份前已确认的命令都在其中。文件可用 tar 与 sha256sum -c SHA256SUMS 查验。凭证目录须另行备份；否则恢复后会生成新的凭证。",
			"The system goes on. Every command acknowledged before is in it. Standard tools read it: tar, and sha256sum -c SHA256SUMS. Copy the folder of credentials by itself; without it new ones are made."),
		Example: "  jieli backup jieli-backup.tar.gz\n  jieli restore jieli-backup.tar.gz --dir restored && jieli up --dir restored",
		Args:    c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.backup(cmd.Context(), args[0])
		},
	}
}

// backup writes beside the file's place, checks what came, and only then gives it its name.
func (c *cli) backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return usage(path+" 已存在，备份不会覆盖文件", path+" is there already; a backup overwrites nothing")
	}
	server, err := c.connect(1)
	if err != nil {
		return err
	}
	defer server.Close()
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return failed("无法写入："+err.Error(), "it cannot be written: "+err.Error())
	}
	defer os.Remove(f.Name()) // gone already after the rename
	defer f.Close()
	bar := newProgress(c.err, c.t("字节", "bytes"), 0)
	err = server.Download(ctx, "/v1/backup", []byte("{}"), &counted{f, bar, 0})
	bar.finish()
	if err != nil {
		return err
	}
	m, commits, err := readBackup(f)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return failed("备份未完成，请重试："+err.Error(), "the backup is not whole, try again: "+err.Error())
	}
	return c.emit(m, func() {
		fmt.Fprintln(c.out, c.paint(green, c.t(fmt.Sprintf("✓ %s：%d 次提交，已核验；不含凭证", path, commits), fmt.Sprintf("✓ %s: %d commits, checked; without credentials", path, commits))))
	})
}

// counted tells a bar of the bytes that pass.
type counted struct {
	w   io.Writer
	bar *progress
	n   int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.bar.set(c.n)
	return n, err
}

func readBackup(f io.ReadSeeker) (*allinone.Manifest, int, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, 0, err
	}
	return allinone.ReadManifest(bufio.NewReader(f))
}

func (c *cli) restoreCommand() *cobra.Command {
	o := allinone.Options{}
	cmd := &cobra.Command{
		Use:   "restore FILE --dir DIR",
		Short: c.t("把备份恢复到空目录，或恢复到账本为空的集群（--broker）", "Restore a backup into an empty directory, or onto a broker whose ledgers are empty (--broker)"),
		Long: c.t("先核验整个文件，再写入。提交的序号与散列不变，因此位置与游标仍然有效；派生数据在首次启动时重建。",
			"The whole file is checked before anything is written. Commits keep their sequences and hashes, so positions and cursors stay valid; what derives from them is made anew at the first start."),
		Args: c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Dir == "" {
				return usage("请用 --dir 指定一个空目录", "name an empty directory with --dir")
			}
			f, err := os.Open(args[0])
			if err != nil {
				return usage("无法读取："+err.Error(), "it cannot be read: "+err.Error())
			}
			defer f.Close()
			o.Log = zerolog.New(c.err).Level(zerolog.WarnLevel)
			bar := newProgress(c.err, c.t("提交", "commits"), 0)
			m, err := allinone.Restore(cmd.Context(), o, f, func(done, _ int) { bar.set(int64(done)) })
			bar.finish()
			if errors.Is(err, allinone.ErrNotEmpty) {
				return usage(err.Error(), err.Error())
			}
			if err != nil {
				return failed("未恢复："+err.Error(), "not restored: "+err.Error())
			}
			return c.emit(m, func() {
				fmt.Fprintln(c.out, c.paint(green, c.t("✓ 已恢复；现在可以启动：", "✓ restored; start it with: ")+fmt.Sprintf("jieli up --dir %s --partitions %d", o.Dir, m.Partitions)))
			})
		},
	}
	cmd.Flags().StringVar(&o.Dir, "dir", "", c.t("空目录", "an empty directory"))
	cmd.Flags().StringVar(&o.Broker, "broker", "", c.t("独立消息代理的地址", "where a broker of its own is"))
	cmd.Flags().StringVar(&o.Credentials, "credentials", "", c.t("与 --broker 合用：凭证目录", "with --broker: its folder of credentials"))
	cmd.Flags().StringVar(&o.CA, "ca", "", c.t("与 --broker 合用：证书颁发者", "with --broker: who signed its certificate"))
	cmd.Flags().IntVar(&o.Replicas, "replicas", 0, c.t("与 --broker 合用：副本数 1、3 或 5", "with --broker: replicas, 1, 3 or 5"))
	return cmd
}
