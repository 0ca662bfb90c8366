package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/contracts/codes"
)

func (c *cli) codesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "codes",
		Short: c.t("代码表：行政区划、行业、货币、融资工具等", "Code lists: regions, industries, currencies, instruments and more"),
		Args:  c.args(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.codesListCommand(), c.codesShowCommand(), c.codesLoadCommand())
	return cmd
}

// codeRow is one entry of any list.
type codeRow struct {
	List   string `json:"list"`
	Code   string `json:"code"`
	Name   string `json:"zh"`
	NameEN string `json:"en,omitempty"`
	Parent string `json:"parent,omitempty"`
	Note   string `json:"note,omitempty"`
}

// codeLists yields the entries of each list by its name.
func (c *cli) codeLists() map[string]func() []codeRow {
	row := func(list, code string, t codes.Text, parent, note string) codeRow {
		return codeRow{list, code, t.Zh, t.En, parent, note}
	}
	return map[string]func() []codeRow{
		"regions": func() []codeRow {
			return rowsOf(codes.AllRegions(), func(e codes.RegionEntry) codeRow {
				note := string(e.Level)
				if e.Revoked {
					note += c.t("，已撤销", ", revoked")
				}
				return row("regions", e.Code, codes.Text{Zh: e.Name}, e.Parent, note)
			})
		},
		"industries": func() []codeRow {
			return rowsOf(codes.AllIndustries(), func(e codes.IndustryEntry) codeRow {
				return row("industries", e.Code, codes.Text{Zh: e.Name}, e.Parent, string(e.Level))
			})
		},
		"currencies": func() []codeRow {
			return rowsOf(codes.AllCurrencies(), func(e codes.CurrencyEntry) codeRow {
				return row("currencies", e.Code, codes.Text{En: e.Name}, "", fmt.Sprintf(c.t("%d 位小数", "%d decimals"), e.MinorUnits))
			})
		},
		"instruments": func() []codeRow {
			return rowsOf(codes.AllInstruments(), func(e codes.InstrumentEntry) codeRow {
				return row("instruments", e.Code, e.Text, string(e.Leg), c.t("金额："+e.AmountMeans.Zh+"；价格："+e.PriceMeans.Zh, "amount: "+e.AmountMeans.En+"; price: "+e.PriceMeans.En))
			})
		},
		"licences": func() []codeRow {
			return rowsOf(codes.AllLicences(), func(e codes.LicenceEntry) codeRow {
				return row("licences", e.Code, e.Text, "", c.t(e.Note.Zh, e.Note.En))
			})
		},
		"party_kinds": func() []codeRow {
			return rowsOf(codes.AllPartyKinds(), func(e codes.PartyKindEntry) codeRow {
				return row("party_kinds", e.Code, e.Text, e.Role, strings.Join(e.Licences, ", "))
			})
		},
		"titles": func() []codeRow {
			return rowsOf(codes.AllTitles(), func(e codes.TitleEntry) codeRow { return row("titles", e.Code, e.Text, "", e.Issuer) })
		},
		"stages": func() []codeRow {
			return rowsOf(codes.AllStages(), func(e codes.StageEntry) codeRow { return row("stages", e.Code, e.Text, "", fmt.Sprint(e.Legs)) })
		},
		"focus_areas": func() []codeRow {
			return rowsOf(codes.AllFocusAreas(), func(e codes.FocusAreaEntry) codeRow { return row("focus_areas", e.Code, e.Text, e.Parent, "") })
		},
		"policy_tools": func() []codeRow {
			return rowsOf(codes.AllPolicyTools(), func(e codes.PolicyToolEntry) codeRow {
				return row("policy_tools", e.Code, e.Text, e.PartOf, strings.Join(e.Instruments, ", "))
			})
		},
		"securities": func() []codeRow {
			return rowsOf(codes.AllSecurities(), func(e codes.SecurityEntry) codeRow { return row("securities", e.Code, e.Text, e.Kind, "") })
		},
		"uses": func() []codeRow {
			return rowsOf(codes.AllUses(), func(e codes.UseEntry) codeRow { return row("uses", e.Code, e.Text, "", "") })
		},
		"return_reasons": func() []codeRow {
			return rowsOf(codes.AllReturnReasons(), func(e codes.ReturnReasonEntry) codeRow { return row("return_reasons", e.Code, e.Text, "", "") })
		},
	}
}

func rowsOf[T any](entries []T, row func(T) codeRow) []codeRow {
	out := make([]codeRow, 0, len(entries))
	for _, e := range entries {
		out = append(out, row(e))
	}
	return out
}

func (c *cli) codesListCommand() *cobra.Command {
	var parent string
	cmd := &cobra.Command{
		Use:     "list [LIST]",
		Short:   c.t("列出代码表，或一个表的代码", "List the code lists, or the codes of one"),
		Example: "  jieli codes list\n  jieli codes list regions --parent 330000",
		Args:    c.args(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.listEditions()
			}
			entries, ok := c.codeLists()[args[0]]
			if !ok {
				return usage(fmt.Sprintf("没有代码表 %q，见 jieli codes list", args[0]), fmt.Sprintf("there is no list %q, see jieli codes list", args[0]))
			}
			found := slices.DeleteFunc(entries(), func(r codeRow) bool { return parent != "" && r.Parent != parent })
			return c.showCodes(found)
		},
	}
	cmd.Flags().StringVar(&parent, "parent", "", c.t("只列出该代码之下的", "only those below this code"))
	return cmd
}

func (c *cli) listEditions() error {
	type edition struct {
		List    string `json:"list"`
		Entries int    `json:"entries"`
		Source  string `json:"source"`
		Edition string `json:"edition"`
	}
	lists := c.codeLists()
	var out []edition
	for _, e := range codes.Editions() {
		n := 0
		if entries, ok := lists[e.List]; ok {
			n = len(entries())
		}
		out = append(out, edition{e.List, n, e.Source, e.Edition})
	}
	return c.emit(out, func() {
		t := newTable(c.t("代码表", "list"), c.t("条数", "entries"), c.t("来源", "source"), c.t("版本", "edition")).alignRight(1)
		for _, e := range out {
			t.add(e.List, fmt.Sprint(e.Entries), e.Source, e.Edition)
		}
		t.write(c.out)
		if names, err := c.loadedIndustries(); err == nil {
			fmt.Fprintf(c.out, c.t("已装入完整行业分类：%d 个中类、%d 个小类\n", "a complete list of industries is loaded: %d groups, %d classes\n"), names.Count(codes.Group), names.Count(codes.Class))
		}
	})
}

func (c *cli) showCodes(found []codeRow) error {
	return c.emit(found, func() {
		t := newTable(c.t("代码表", "list"), c.t("代码", "code"), c.t("名称", "name"), c.t("上级", "parent"), c.t("说明", "note"))
		for _, r := range found {
			name := r.Name
			if c.lang == english && r.NameEN != "" || name == "" {
				name = r.NameEN
			}
			t.add(r.List, r.Code, name, r.Parent, r.Note)
		}
		t.write(c.out)
	})
}

func (c *cli) codesShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show CODE",
		Short:   c.t("在所有代码表中查一个代码", "Look a code up in every list"),
		Example: "  jieli codes show 330106\n  jieli codes show I6513",
		Args:    c.args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			lists := c.codeLists()
			var names, found = make([]string, 0, len(lists)), []codeRow(nil)
			for name := range lists {
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range names {
				for _, r := range lists[name]() {
					if r.Code == args[0] {
						if name == "regions" {
							r.Name = codes.RegionName(r.Code, " ")
						}
						found = append(found, r)
					}
				}
			}
			if len(found) == 0 && codes.IndustryValid(args[0]) {
				found = append(found, c.deepIndustry(args[0]))
			}
			if len(found) == 0 {
				return failed(fmt.Sprintf("代码表中没有 %q", args[0]), fmt.Sprintf("%q is in no list", args[0]))
			}
			return c.showCodes(found)
		},
	}
}

// deepIndustry names a group or class as far as a complete list has been loaded.
func (c *cli) deepIndustry(code string) codeRow {
	r := codeRow{List: "industries", Code: code, Parent: codes.IndustryParent(code)}
	names, err := c.loadedIndustries()
	if err == nil {
		r.Name = names.Name(code)
	}
	if r.Name == "" {
		r.Name = industryName(code)
		r.Note = c.t("大类的名称；用 jieli codes load 装入完整分类后可查中类和小类", "name of its division; load a complete list with jieli codes load for groups and classes")
	}
	return r
}

// industriesFile is where a loaded list is kept.
func (c *cli) industriesFile() (string, error) {
	if dir := c.env("JIELI_CONFIG_DIR"); dir != "" {
		return filepath.Join(dir, "industries.csv"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "jieli", "industries.csv"), nil
}

func (c *cli) loadedIndustries() (*codes.IndustryNames, error) {
	name, err := c.industriesFile()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return codes.LoadIndustries(f)
}

func (c *cli) codesLoadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "load FILE",
		Short: c.t("装入完整的国民经济行业分类（CSV：code,level,name,parent）", "Load a complete GB/T 4754 list (CSV: code,level,name,parent)"),
		Args:  c.args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			raw, err := os.ReadFile(args[0])
			if err != nil {
				return fileTrouble(err)
			}
			names, err := codes.LoadIndustries(bytes.NewReader(raw))
			if err != nil {
				return failed("该文件不是完整的 GB/T 4754-2017 分类，未装入：\n"+c.rowErrors(err), "the file is no complete GB/T 4754-2017 list, nothing was loaded:\n"+c.rowErrors(err))
			}
			target, err := c.industriesFile()
			if err == nil {
				err = os.MkdirAll(filepath.Dir(target), 0o755)
			}
			if err == nil {
				err = os.WriteFile(target, raw, 0o644)
			}
			if err != nil {
				return failed("写不了 "+target+"："+err.Error(), "cannot write "+target+": "+err.Error())
			}
			counts := map[string]int{}
			for _, level := range []codes.IndustryLevel{codes.Section, codes.Division, codes.Group, codes.Class} {
				counts[string(level)] = names.Count(level)
			}
			return c.emit(map[string]any{"file": target, "counts": counts, "differences": names.Differences()}, func() {
				fmt.Fprintf(c.out, c.t("已装入：%d 个门类、%d 个大类、%d 个中类、%d 个小类 → %s\n", "loaded: %d sections, %d divisions, %d groups, %d classes → %s\n"),
					names.Count(codes.Section), names.Count(codes.Division), names.Count(codes.Group), names.Count(codes.Class), target)
				for _, d := range names.Differences() {
					fmt.Fprintln(c.out, c.t("  与标准名称不同：", "  named otherwise than the standard: ")+d)
				}
			})
		},
	}
}

// rowErrors writes the refused rows of a list, each on a line.
func (c *cli) rowErrors(err error) string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return "  " + err.Error()
	}
	var lines []string
	for _, e := range joined.Unwrap() {
		var row *codes.RowError
		if errors.As(e, &row) {
			lines = append(lines, fmt.Sprintf(c.t("  第 %d 行 %q：%s", "  line %d %q: %s"), row.Line, row.Code, c.t(row.Reason.Zh, row.Reason.En)))
			continue
		}
		lines = append(lines, "  "+e.Error())
	}
	return strings.Join(lines, "\n")
}

// exists reports whether a path is there; a path that cannot be looked at counts as there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
