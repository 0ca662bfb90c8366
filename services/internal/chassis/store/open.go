package store

import (
	"context"
	"fmt"
	"strings"
)

// Open makes the store that an address names:
//
//	memory                                           embedded, empty
//	redis://[user:password@]host:port/database       shared; rediss:// with TLS; unix:// for a socket
//
// A Redis address may carry ?namespace=name (default "jieli"), so that two systems share a server, and go-redis'
// options such as pool_size. ErrURL if the address can't be read, ErrUnavailable if nothing answers there, ErrSetting
// if the server can't be used; none of them repeats the address, which may hold a password.
func Open(ctx context.Context, url string) (Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if url == "memory" {
		return NewMemory(), nil
	}
	if scheme, _, found := strings.Cut(url, "://"); found && len(url) <= urlBytesMax {
		switch scheme {
		case "redis", "rediss", "unix":
			r, err := openRedis(ctx, url)
			if err != nil {
				return nil, err // not r: a nil *Redis in an interface isn't nil
			}
			return r, nil
		}
	}
	return nil, ErrURL.detail(`应为 "memory" 或 "redis://主机:端口/库号"`, `it must be "memory" or "redis://host:port/database"`)
}
