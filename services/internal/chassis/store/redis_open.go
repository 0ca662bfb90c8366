package store

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	redisNamespace   = "jieli"
	redisDialTimeout = 3 * time.Second
	redisWait        = 10 * time.Second // longest wait for one answer; a caller's shorter deadline holds
)

// openRedis connects and refuses a server whose settings could lose parts of a collection.
func openRedis(ctx context.Context, address string) (*Redis, error) {
	options, namespace, err := redisOptions(address)
	if err != nil {
		return nil, err
	}
	r := &Redis{client: redis.NewClient(options), namespace: namespace}
	if err := r.checkServer(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// redisOptions reads the address. What the URL parser has against it is not passed on: it quotes the address, and that
// may hold a password.
func redisOptions(address string) (*redis.Options, string, error) {
	bad := ErrURL.detail("格式为 redis://[用户:密码@]主机:端口/库号[?namespace=名称]，密码中的特殊字符须百分号编码",
		"the form is redis://[user:password@]host:port/database[?namespace=name], special characters in a password percent-encoded")
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", bad
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, "", bad
	}
	namespace := redisNamespace
	if query.Has("namespace") {
		namespace = query.Get("namespace")
		if err := checkName(namespace); err != nil {
			return nil, "", ErrURL.because(err)
		}
		query.Del("namespace")
	}
	u.RawQuery = query.Encode()
	options, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, "", bad
	}
	if options.DialTimeout == 0 {
		options.DialTimeout = redisDialTimeout
	}
	if options.ReadTimeout == 0 {
		options.ReadTimeout = redisWait
	}
	if options.WriteTimeout == 0 {
		options.WriteTimeout = redisWait
	}
	options.ContextTimeoutEnabled = true
	// No hidden retry: a batch that was applied and then sent again would be answered by a PositionError that the
	// caller couldn't tell from a rival's. Retrying is the caller's, who sees ErrUnavailable first.
	// (After as many failed dials as its pool is large, the client answers with the last failure for up to a second
	// after the server is back.)
	options.MaxRetries = -1
	options.DialerRetries = 1
	// Not asked of a server that may be older than these features.
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return options, namespace, nil
}

// checkServer refuses what would fail later and silently: no read-only scripts (Redis before 7.0), and eviction of keys
// without expiry, which would take an index or the documents away and leave the position.
func (r *Redis) checkServer(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return redisError(err)
	}
	if err := r.client.EvalRO(ctx, "return 1", nil).Err(); err != nil {
		return settingError(err, "需要 Redis 7.0 或更新版本，并允许运行脚本", "Redis 7.0 or newer is needed, with scripts allowed")
	}
	info, err := r.client.Info(ctx, "memory").Result()
	if err != nil {
		return settingError(err, "须允许 INFO 命令", "the INFO command must be allowed")
	}
	for line := range strings.Lines(info) {
		policy, found := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:")
		if found && strings.HasPrefix(policy, "allkeys-") {
			return ErrSetting.detail("maxmemory-policy 为 "+policy+"，会丢弃数据，请改为 noeviction",
				"maxmemory-policy is "+policy+", which throws data away: set noeviction")
		}
	}
	return nil
}

func settingError(err error, chinese, english string) error {
	if replied(err) {
		return ErrSetting.detail(chinese, english).because(err)
	}
	return redisError(err)
}
