package allinone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// ConfigFile is read when no other is named; it may be absent.
const ConfigFile = "jieli.yaml"

// Value is one value as it takes effect, and where it comes from: "--http", "JIELI_HTTP", "jieli.yaml:3" or "default".
type Value struct {
	Name   string `json:"name"`
	Value  string `json:"value"` // without passwords
	Source string `json:"source"`
}

// SourceDefault is the source of a value that nobody has given.
const SourceDefault = "default"

// WrongConfig names every value that is wrong.
type WrongConfig struct{ Complaints []string }

func (e *WrongConfig) Error() string {
	return errRefused.Error() + ":\n  " + strings.Join(e.Complaints, "\n  ")
}

// AddFlags defines a flag for each setting of the programs, described by say in the user's language.
func AddFlags(flags *pflag.FlagSet, p Program, say func(zh, en string) string) {
	for i := range Settings {
		s := &Settings[i]
		if s.For&p != 0 {
			flags.String(s.Name, s.Default(p), say(s.ZH, s.EN))
		}
	}
	flags.String("config", "", say("配置文件（缺省 ./"+ConfigFile+"，可以没有；环境变量 JIELI_CONFIG）", "configuration file (default ./"+ConfigFile+", which may be absent; JIELI_CONFIG)"))
}

// layer is one source of configuration for koanf.
type layer struct {
	values  map[string]any
	sources map[string]string
}

func newLayer() *layer { return &layer{make(map[string]any), make(map[string]string)} }

func (l *layer) put(name, value, source string) { l.values[name], l.sources[name] = value, source }

// Read implements koanf.Provider.
func (l *layer) Read() (map[string]any, error) { return l.values, nil }

// ReadBytes is the other half of koanf.Provider, for sources that need a parser.
func (l *layer) ReadBytes() ([]byte, error) { return nil, errors.New("this source is read as a map") }

// Load finds the configuration of a program: flags go over environment variables, those over the file, that over defaults. All that is
// wrong comes as one *WrongConfig; the values are returned even then. services are those of a process of its own.
func Load(p Program, flags *pflag.FlagSet, env func(string) string, services ...string) (Config, []Value, error) {
	defaults, fromEnv, fromFlags := newLayer(), newLayer(), newLayer()
	fromFile, complaints, err := readFile(flags, env)
	if err != nil {
		return Config{}, nil, err
	}
	for i := range Settings {
		s := &Settings[i]
		if s.For&p == 0 {
			continue
		}
		defaults.put(s.Name, s.Default(p), SourceDefault)
		if v := env(s.Env()); v != "" {
			fromEnv.put(s.Name, v, s.Env())
		}
		if f := flags.Lookup(s.Name); f != nil && f.Changed {
			fromFlags.put(s.Name, f.Value.String(), "--"+s.Name)
		}
	}
	k := koanf.New("/") // no key has a slash: keys are flat
	sources := make(map[string]string)
	for _, l := range []*layer{defaults, fromFile, fromEnv, fromFlags} {
		if err := k.Load(l, nil); err != nil {
			return Config{}, nil, err
		}
		for name, source := range l.sources {
			sources[name] = source
		}
	}
	var c Config
	var values []Value
	wrong := make(map[string]bool)
	for i := range Settings {
		s := &Settings[i]
		if s.For&p == 0 {
			continue
		}
		value := k.String(s.Name)
		values = append(values, Value{s.Name, s.Shown(value), sources[s.Name]})
		if err := s.set(&c, value); err != nil {
			wrong[s.Name] = true
			complaints = append(complaints, fmt.Sprintf("%s: %s（%s）", s.Name, err, sources[s.Name]))
		}
	}
	for _, complaint := range refusals(&c, services) {
		name, _, _ := strings.Cut(complaint, ":")
		if name = strings.ReplaceAll(name, " ", "-"); wrong[name] {
			continue // said already, with what it is
		}
		if source, ok := sources[name]; ok {
			complaint += "（" + source + "）"
		}
		complaints = append(complaints, complaint)
	}
	if len(complaints) > 0 {
		return c, values, &WrongConfig{complaints}
	}
	return c, values, nil
}

// refusals are what Start would say of the configuration, one by one.
func refusals(c *Config, services []string) []string {
	o := c.Options("", zerolog.Nop(), services...)
	err := o.refusal()
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// refusal validates what defaults do not fill in: an empty value that somebody has given is one.
func (o *Options) refusal() error {
	o.setDefaults()
	return o.Validate()
}

// readFile reads the file of the configuration. A key that is unknown is refused with the nearest known one.
func readFile(flags *pflag.FlagSet, env func(string) string) (l *layer, complaints []string, err error) {
	l, file := newLayer(), ConfigFile
	named := ""
	if f := flags.Lookup("config"); f != nil {
		named = f.Value.String()
	}
	if named == "" {
		named = env("JIELI_CONFIG")
	}
	if named != "" {
		file = named
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && named == "" {
		return l, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		return l, []string{fmt.Sprintf("%s 不是合法的 YAML / is no valid YAML: %v", file, err)}, nil
	}
	if len(document.Content) == 0 {
		return l, nil, nil // empty
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return l, []string{file + " 须为 键: 值 的列表 / must be a list of key: value"}, nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		source := fmt.Sprintf("%s:%d", file, key.Line)
		known := slices.ContainsFunc(Settings, func(s Setting) bool { return s.Name == key.Value })
		switch {
		case !known:
			complaints = append(complaints, fmt.Sprintf("%s: 未知的配置项 %q，是否为 %s？ / unknown key %q; did you mean %s?", source, key.Value, nearest(key.Value), key.Value, nearest(key.Value)))
		case l.sources[key.Value] != "":
			complaints = append(complaints, fmt.Sprintf("%s: %s 重复 / is repeated", source, key.Value))
		case value.Kind != yaml.ScalarNode:
			complaints = append(complaints, fmt.Sprintf("%s: %s 须为单个值 / must be one value", source, key.Value))
		default:
			l.put(key.Value, value.Value, source)
		}
	}
	return l, complaints, nil
}

// nearest is the known name that takes the fewest changes.
func nearest(name string) string {
	best, least := "", 1<<30
	for i := range Settings {
		if d := distance(name, Settings[i].Name); d < least {
			best, least = Settings[i].Name, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
