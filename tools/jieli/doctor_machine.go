package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// What a machine should have.
const (
	syncSlow     = 20 * time.Millisecond // median of a 4 KiB write with fsync: above it commits take what people notice
	syncTries    = 15
	openFilesMin = 4096 // connections of clients, and a few for every stream
)

// examineSync measures how long the disk takes to keep a commit: a small write and fsync, in the folder where the ledgers are.
func (c *cli) examineSync(dir string) finding {
	f := finding{Check: c.t("落盘", "fsync")}
	at := dir
	for !exists(at) && filepath.Dir(at) != at {
		at = filepath.Dir(at)
	}
	median, err := syncTime(at)
	if err != nil {
		f.Found = err.Error()
		f.Advice = c.t("检查该目录是否可写", "check that the folder can be written")
		return f
	}
	f.OK = median <= syncSlow
	f.Found = fmt.Sprintf(c.t("%s：4 KiB 写入并 fsync 中位数 %s", "%s: a write of 4 KiB with fsync takes %s (median)"), at, median.Round(10*time.Microsecond))
	f.Advice = c.t("换用带断电保护的固态盘；每次提交都要等它", "take an SSD with power-loss protection: every commit waits for it")
	return f
}

func syncTime(dir string) (time.Duration, error) {
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	block := make([]byte, 4096)
	var took []time.Duration
	for range syncTries {
		begun := time.Now()
		if _, err := file.Write(block); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

func (c *cli) examineFiles() finding {
	f := finding{Check: c.t("打开文件", "open files")}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		f.Found = err.Error()
		return f
	}
	f.OK = limit.Cur >= openFilesMin
	f.Found = fmt.Sprintf(c.t("最多 %d 个", "at most %d"), limit.Cur)
	f.Advice = fmt.Sprintf(c.t("提高到 %d 以上（ulimit -n，或 systemd 的 LimitNOFILE）", "raise it to %d or more (ulimit -n, or LimitNOFILE of systemd)"), openFilesMin)
	return f
}

// examineSecrets looks for credentials that others on this machine can read.
func (c *cli) examineSecrets(dir string) finding {
	f := finding{Check: c.t("凭证", "credentials"), OK: true}
	folder := filepath.Join(dir, "credentials")
	var open []string
	n := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if n++; info.Mode().Perm()&0o077 != 0 {
			open = append(open, fmt.Sprintf("%s (%o)", entry.Name(), info.Mode().Perm()))
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Found = fmt.Sprintf(c.t("%s 还没有", "%s is not there yet"), folder)
	case err != nil:
		f.OK, f.Found = false, err.Error()
		f.Advice = c.t("以运行服务的用户执行", "run it as the user that runs the server")
	case len(open) > 0:
		f.OK = false
		f.Found = fmt.Sprintf(c.t("他人可读：%s", "others can read: %s"), strings.Join(open[:min(len(open), 5)], ", "))
		f.Advice = "chmod -R go= " + folder + c.t("，并更换已泄露的凭证", ", and change secrets that have been read")
	default:
		f.Found = fmt.Sprintf(c.t("%s 仅所有者可读", "%s: readable by the owner only"), folder)
	}
	return f
}
