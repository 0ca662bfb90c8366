package allinone

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
)

// FuzzLoad: whatever a configuration file holds, it is taken or every complaint is named; nothing else happens.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{"", "http: 127.0.0.1:1\n", "partitions: [1]", "store: mysql\nstore: memory\n", "a: &a [*a]", "max-disk: 9223372036854775807TiB", "- x", "? {}: 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := filepath.Join(t.TempDir(), "jieli.yaml")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"JIELI_CONFIG": file}
		flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
		AddFlags(flags, Up, func(_, en string) string { return en })
		_, values, err := Load(Up, flags, func(name string) string { return env[name] })
		var wrong *WrongConfig
		if err != nil && (!errors.As(err, &wrong) || len(wrong.Complaints) == 0) {
			t.Fatalf("%q: %v", content, err)
		}
		if len(values) == 0 {
			t.Fatalf("%q: no values", content)
		}
	})
}
