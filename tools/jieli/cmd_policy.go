package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

func (c *cli) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: c.t("政策规则：按生效日查看、对比、登记", "Dated policy rules: show, compare, adopt"),
		Args:  c.args(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.policyShowCommand(), c.policyHistoryCommand(), c.policyDiffCommand(), c.policyAdoptCommand())
	return cmd
}

// ruleSet is a rule file for people: as this program carries it, or as a ledger holds it.
type ruleSet struct {
	ID         string      `json:"id"`
	From       events.Date `json:"effective_from"`
	To         events.Date `json:"effective_to,omitempty"`
	Document   string      `json:"document"`
	Confidence string      `json:"confidence"`
	Summary    codes.Text  `json:"summary"`
	AdoptedAt  *time.Time  `json:"adopted_at,omitempty"` // by a ledger
	content    string
}

// ruleSets are the rule sets of a subject in order of days: of this program, or with live those in the ledger of a running system.
func (c *cli) ruleSets(cmd *cobra.Command, subject string, live bool) ([]ruleSet, error) {
	if live {
		return c.adoptedSets(cmd, subject)
	}
	files := contracts.Rules()
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, err
	}
	var list []ruleSet
	var subjects []string
	for _, name := range names {
		of, _, _ := strings.Cut(name, ".")
		if !slices.Contains(subjects, of) {
			subjects = append(subjects, of)
		}
		if of != subject {
			continue
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		set := ruleSet{content: string(content)}
		if err := json.Unmarshal(content, &set); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, set)
	}
	if len(list) == 0 {
		return nil, usage(fmt.Sprintf("没有主题为 %s 的规则，现有：%s", subject, strings.Join(subjects, "、")), fmt.Sprintf("there are no rules about %s, only about %s", subject, strings.Join(subjects, ", ")))
	}
	return list, nil
}

func (c *cli) adoptedSets(cmd *cobra.Command, subject string) ([]ruleSet, error) {
	server, err := c.connect(1)
	if err != nil {
		return nil, err
	}
	defer server.Close()
	var s struct {
		Sets []struct {
			Content   string      `json:"content"`
			Until     events.Date `json:"until"`
			AdoptedAt time.Time   `json:"adopted_at"`
		} `json:"sets"`
	}
	if err := server.Get(cmd.Context(), "/v1/policy/"+url.PathEscape(subject), "", &s); err != nil {
		return nil, err
	}
	var list []ruleSet
	for i := range s.Sets {
		set := ruleSet{content: s.Sets[i].Content}
		if err := json.Unmarshal([]byte(set.content), &set); err != nil {
			return nil, err
		}
		set.To, set.AdoptedAt = s.Sets[i].Until, &s.Sets[i].AdoptedAt
		list = append(list, set)
	}
	return list, nil
}

func (c *cli) liveFlag(cmd *cobra.Command, live *bool) {
	cmd.Flags().BoolVar(live, "live", false, c.t("读取运行中系统账本里的规则，而非本程序自带的", "read the rules in the ledger of a running system, not those this program carries"))
}

func (c *cli) policyShowCommand() *cobra.Command {
	var live bool
	day := string(events.DateOf(time.Now()))
	cmd := &cobra.Command{
		Use: "show SUBJECT", Short: c.t("查看某日生效的规则", "Show the rule set in force on a day"),
		Example: "  jieli policy show crossborder --as-of 2024-01-01", Args: c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := events.Date(day).Start(); err != nil {
				return usage("--as-of 应写作 YYYY-MM-DD", "--as-of is YYYY-MM-DD")
			}
			list, err := c.ruleSets(cmd, args[0], live)
			if err != nil {
				return err
			}
			for _, set := range slices.Backward(list) {
				if events.Date(day).Before(set.From) {
					continue
				}
				if set.To != "" && events.Date(day).After(set.To) {
					break
				}
				return c.emit(json.RawMessage(set.content), func() {
					fmt.Fprintf(c.out, "%s  %s\n%s\n%s\n\n%s\n", set.ID, c.confidence(set.Confidence), set.Document, c.t(set.Summary.Zh, set.Summary.En), strings.TrimSpace(set.content))
				})
			}
			return &failure{code: exitFailed, zh: fmt.Sprintf("%s 没有生效的 %s 规则", day, args[0]), en: fmt.Sprintf("no rules about %s are in force on %s", args[0], day)}
		},
	}
	c.liveFlag(cmd, &live)
	cmd.Flags().StringVar(&day, "as-of", day, c.t("基准日", "day that counts"))
	return cmd
}

// dated is a row of a history: a rule set, or with a value the days on which that value stands.
type dated struct {
	ruleSet
	Value string `json:"value,omitempty"`
}

func (c *cli) policyHistoryCommand() *cobra.Command {
	var live bool
	var value string
	cmd := &cobra.Command{
		Use: "history SUBJECT", Short: c.t("列出一个主题的全部规则，或一个数值的历次取值", "List every rule set of a subject, or what a value was when"),
		Example: "  jieli policy history crossborder --value /borrowers/firm/parameter", Args: c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := c.ruleSets(cmd, args[0], live)
			if err != nil {
				return err
			}
			rows := history(list, value)
			if len(rows) == 0 {
				return usage(fmt.Sprintf("规则中没有 %s，路径可从 policy diff 的输出中取", value), fmt.Sprintf("the rules have no %s; policy diff prints paths", value))
			}
			return c.emit(rows, func() {
				header := []string{c.t("自", "from"), c.t("至", "to"), c.t("规则", "rule set"), c.t("依据", "source"), c.t("核实", "source seen")}
				if value != "" {
					header = slices.Insert(header, 2, value)
				}
				t := newTable(header...)
				for _, r := range rows {
					row := []string{string(r.From), string(r.To), r.ID, r.Document, c.confidence(r.Confidence)}
					if value != "" {
						row = slices.Insert(row, 2, r.Value)
					}
					t.add(row...)
				}
				t.write(c.out)
			})
		},
	}
	c.liveFlag(cmd, &live)
	cmd.Flags().StringVar(&value, "value", "", c.t("只看这个路径的取值", "path of one value"))
	return cmd
}

// history is a row a rule set, or a row for each run of days on which a value stood.
func history(list []ruleSet, value string) []dated {
	var rows []dated
	for _, set := range list {
		row := dated{ruleSet: set}
		if value != "" {
			var ok bool
			if row.Value, ok = events.RuleValue(set.content, value); !ok {
				continue
			}
			if n := len(rows); n > 0 && rows[n-1].Value == row.Value {
				rows[n-1].To = set.To
				continue
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *cli) policyDiffCommand() *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use: "diff RULE_SET RULE_SET", Short: c.t("对比两份规则", "Compare two rule sets"),
		Example: "  jieli policy diff crossborder.2023-07-20 crossborder.2025-01-13", Args: c.args(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var contents [2]string
			for i, id := range args {
				subject, _, _ := strings.Cut(id, ".")
				list, err := c.ruleSets(cmd, subject, live)
				if err != nil {
					return err
				}
				at := slices.IndexFunc(list, func(set ruleSet) bool { return set.ID == id })
				if at < 0 {
					return usage("没有规则 "+id+"，见 jieli policy history "+subject, "there is no rule set "+id+"; see jieli policy history "+subject)
				}
				contents[i] = list[at].content
			}
			changes := events.RuleDifferences(contents[0], contents[1])
			return c.emit(changes, func() {
				t := newTable(c.t("路径", "path"), args[0], args[1])
				for _, d := range changes {
					t.add(d.Path, d.Before, d.After)
				}
				t.write(c.out)
			})
		},
	}
	c.liveFlag(cmd, &live)
	return cmd
}

func (c *cli) policyAdoptCommand() *cobra.Command {
	return &cobra.Command{
		Use: "adopt FILE", Short: c.t("将规则文件登记到运行中系统的账本", "Enter a rule file in the ledger of a running system"),
		Long: c.t("文件名为 <主题>.<生效日>.json。已登记的规则不可修改；变更以更晚生效的新文件表示，上一份自动止于前一日。",
			"The file's id is <subject>.<first day>. What a ledger holds is never edited: a change is a file with a later first day, and the set before it ends on the day before."),
		Args: c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := os.ReadFile(args[0])
			if err != nil {
				return fileTrouble(err)
			}
			var file struct{ ID string }
			if err := json.Unmarshal(content, &file); err != nil {
				return usage(fmt.Sprintf("%s 不是 JSON：%v", args[0], err), fmt.Sprintf("%s is no JSON: %v", args[0], err))
			}
			server, err := c.connect(1)
			if err != nil {
				return err
			}
			defer server.Close()
			subject, _, _ := strings.Cut(file.ID, ".")
			body, err := json.Marshal(&events.AdoptRuleSet{ID: file.ID, Content: string(content)})
			if err != nil {
				return err
			}
			var answer events.Answer
			if err := server.Call(cmd.Context(), http.MethodPost, "/v1/policy/"+url.PathEscape(subject)+"/adopt", body, &answer); err != nil {
				return err
			}
			return c.emit(&answer, func() {
				if len(answer.Events) == 0 {
					fmt.Fprintf(c.out, c.t("%s 早已登记，内容相同\n", "%s was in the ledger already, with the same content\n"), file.ID)
					return
				}
				fmt.Fprintf(c.out, c.t("%s 已登记，位置 %s\n", "%s is in the ledger, at %s\n"), file.ID, answer.Position)
			})
		},
	}
}

func (c *cli) confidence(word string) string {
	if word == "confirmed" {
		return c.t("已核实", "yes")
	}
	return c.t("未核实", "no")
}
