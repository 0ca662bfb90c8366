package allinone

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/matcher"
)

// Options of a process: the whole system, or some services of one whose others are processes of their own. The zero value of every
// field but Dir is useful.
type Options struct {
	// Dir holds everything that lasts: the broker's store, heads, snapshots, credentials. One process at a time.
	Dir string
	// HTTP and NATS are addresses to listen on, host:port; port 0 takes a free one. Default 127.0.0.1:8080 and 127.0.0.1:4222.
	// "off" listens nowhere.
	HTTP, NATS string
	// Services of this process, of Services; none: all of them, with a broker inside.
	Services []string
	// Broker is where a broker of its own is, "nats://host:4222,nats://other:4222"; "" runs one inside. NATS is not used with it.
	Broker string
	// Credentials is the folder with the passwords of the broker's users and the tokens, shared by the processes of a system: what
	// WriteBroker made. Default Dir/credentials.
	Credentials string
	// CA is a file with the certificate of who signed the broker's, for a broker with TLS.
	CA string
	// Replicas of every ledger, lease and contact on a broker of its own: 1 (default), 3 or 5.
	Replicas int
	// Store of the read models: "memory" (default) or "redis://host:port/db".
	Store string
	// Partitions of every context's ledger. It is fixed when the ledger is made; default 1, the fastest on one machine.
	Partitions int
	// MaxDisk is what the broker's streams may take together, in bytes; each gets its part. 0: 64 GiB or what the disk has room for; with a
	// broker of its own, what stands beside its credentials, else no limits.
	MaxDisk int64
	// Environment "production" refuses what is not safe for it: ledgers on a single broker.
	Environment string
	// LeaseTTL is how long a writer's lease outlives it. Default 5 s.
	LeaseTTL time.Duration
	// WritersOnly takes commands and keeps the read models that deciding them needs, and derives nothing else: no events, views,
	// matching. It is how a writer runs where other processes derive, and how its own speed is measured.
	WritersOnly bool
	// AskLimits bound the questions about matching of everybody but the operator, at this process's door. 0 means the default.
	AskLimits matcher.AskLimits
	// Version is shown by /v1/version.
	Version string
	Log     zerolog.Logger
	// Progress is told of long work at the start (restoring partitions); it may be nil.
	Progress func(step string, done, total uint64)
}

// ClockOffset is the environment variable by which tests set one process's clock apart, such as "-4m".
const ClockOffset = clock.Offset

// Services that a process may be made of.
var Services = []string{"registry", "demand", "offer", "bond", "crossborder", "matcher", "sharing", "policy", "portal"}

// contextsOf are the contexts whose ledgers a service writes.
var contextsOf = map[string][]string{
	"registry": {"enterprise", "party"}, "demand": {"demand"}, "offer": {"offer"}, "bond": {"bond"}, "crossborder": {"crossborder"},
	"matcher": {"match"}, "sharing": {"sharing"}, "policy": {"policy"},
}

// has reports whether a service is of this process.
func (o *Options) has(service string) bool { return slices.Contains(o.Services, service) }

// serviceOf is the service that writes a context's ledger.
func serviceOf(context string) string {
	for service, contexts := range contextsOf {
		if slices.Contains(contexts, context) {
			return service
		}
	}
	return context
}

// writes reports whether a context's ledger is written in this process.
func (o *Options) writes(context string) bool {
	return slices.ContainsFunc(o.Services, func(service string) bool { return slices.Contains(contextsOf[service], context) })
}

// off is the address of a listener that is not wanted.
const off = "off"

func (o *Options) setDefaults() {
	if o.HTTP == "" {
		o.HTTP = "127.0.0.1:8080"
	}
	if o.NATS == "" {
		o.NATS = "127.0.0.1:4222"
	}
	if o.Store == "" {
		o.Store = "memory"
	}
	if o.Partitions == 0 {
		o.Partitions = 1
	}
	if o.LeaseTTL == 0 {
		o.LeaseTTL = 5 * time.Second
		if o.Broker != "" { // others wait for what a process leaves behind; inside one nobody does
			o.LeaseTTL = 3 * time.Second
		}
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if len(o.Services) == 0 {
		o.Services = Services
	}
	if o.Credentials == "" {
		o.Credentials = filepath.Join(o.Dir, "credentials")
	}
	if o.Version == "" {
		o.Version = "dev"
	}
}

// partitionsMax bounds Options.Partitions.
const partitionsMax = 64

// Validate names everything that is wrong with the options.
func (o *Options) Validate() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("dir: a data directory is needed / 需要数据目录"))
	}
	for name, address := range map[string]string{"http": o.HTTP, "nats": o.NATS} {
		if address == off {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not host:port / 不是 主机:端口", name, address))
		}
	}
	if o.Store != "memory" && !strings.HasPrefix(o.Store, "redis://") && !strings.HasPrefix(o.Store, "rediss://") {
		errs = append(errs, fmt.Errorf("store: %q is neither memory nor a redis:// URL / 只能是 memory 或 redis://", o.Store))
	}
	if o.Partitions < 1 || o.Partitions > partitionsMax {
		errs = append(errs, fmt.Errorf("partitions: %d is not in 1 to %d / 须在 1 至 %d 之间", o.Partitions, partitionsMax, partitionsMax))
	}
	if o.MaxDisk != 0 && o.MaxDisk < DiskBytesMin {
		errs = append(errs, fmt.Errorf("max-disk: %d is below %d bytes / 不得少于 %d 字节", o.MaxDisk, int64(DiskBytesMin), int64(DiskBytesMin)))
	}
	if o.LeaseTTL < time.Second {
		errs = append(errs, fmt.Errorf("lease ttl: %s is below 1 s / 不得短于 1 秒", o.LeaseTTL))
	}
	for _, service := range o.Services {
		if !slices.Contains(Services, service) {
			errs = append(errs, fmt.Errorf("services: there is no %q / 没有该服务; %s", service, strings.Join(Services, " ")))
		}
	}
	if o.Replicas != 1 && o.Replicas != 3 && o.Replicas != 5 {
		errs = append(errs, fmt.Errorf("replicas: %d is not 1, 3 or 5 / 只能是 1、3 或 5", o.Replicas))
	}
	apart := len(o.Services) < len(Services)
	if apart && o.Broker == "" {
		errs = append(errs, errors.New("broker: services of a system of several processes need a broker of its own / 分进程运行需要独立的消息代理"))
	}
	if apart && o.Store == "memory" {
		errs = append(errs, errors.New("store: services of a system of several processes share read models in redis:// / 分进程运行需要共用的 redis:// 投影"))
	}
	if o.Environment == "production" && (o.Broker == "" || o.Replicas == 1) {
		errs = append(errs, errors.New("environment: production needs ledgers on three brokers; one process cannot promise that / 生产环境须使用三副本账本，单进程模式不能用于生产"))
	}
	return errors.Join(errs...)
}
