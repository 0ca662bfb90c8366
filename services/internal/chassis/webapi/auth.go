package webapi

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/jieli-bus/jieli/events"
)

type principalKey struct{}

// Principal is who speaks: OperatorPrincipal, a department's id, "party:<id>", or "" where no credential is asked for (health).
func Principal(ctx context.Context) string {
	p, _ := ctx.Value(principalKey{}).(string)
	return p
}

// authenticate finds out who speaks. A token that is given must be right, everywhere. Without one, the machine's own
// processes are trusted on a loopback listener; what a browser may have been talked into is not.
func (f *frame) authenticate(r *http.Request) (string, error) {
	if value := r.Header.Get("Authorization"); value != "" || len(r.Header["Authorization"]) > 0 {
		scheme, token, _ := strings.Cut(value, " ")
		token = strings.TrimSpace(token)
		if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > TokenBytesMax {
			return "", events.ErrUnauthorised.Refuse("", "Authorization 报文头须为 Bearer 令牌", "the Authorization header must be a bearer token")
		}
		principal, ok := f.Tokens.Lookup(token)
		if !ok || principal == "" {
			return "", events.ErrUnauthorised.Refuse("", "令牌无效", "the token is not valid")
		}
		return principal, nil
	}
	if !f.Loopback {
		return "", nil
	}
	return OperatorPrincipal, guard(r)
}

// guard refuses what reaches a loopback listener on somebody else's behalf: through a name that was rebound to it, from a
// page of another site, or through a proxy.
func guard(r *http.Request) error {
	if !loopbackHost(r.Host) {
		return events.ErrForbidden.Refuse("", "Host 报文头不是本机地址；请使用 localhost 或提供令牌", "the Host header is not this machine: use localhost, or give a token")
	}
	if len(r.Header["Forwarded"]) > 0 || len(r.Header["X-Forwarded-For"]) > 0 {
		return events.ErrUnauthorised.Refuse("", "经代理转发的请求须提供令牌", "a request through a proxy needs a token")
	}
	origin, hasOrigin := r.Header["Origin"]
	foreign := hasOrigin && !sameOrigin(origin[0], r.Host)
	// A followed link may read: its page is the answer itself. All else from another site may not, reads included, because a
	// page could take all streams without being able to read one.
	link := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && !hasOrigin
	if foreign || r.Header.Get("Sec-Fetch-Site") == "cross-site" && !link {
		return events.ErrForbidden.Refuse("", "不接受来自其他网站的请求", "requests from another site are not taken")
	}
	return nil
}

// loopbackHost accepts localhost and loopback addresses, with or without a port.
func loopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
