package allinone

import "testing"

// TestEveryRuleFileIsRead: each rule file that the program carries is of a subject that some service reads, and does as that service's
// rules; without it no system would start.
func TestEveryRuleFileIsRead(t *testing.T) {
	s := fresh(Options{Dir: t.TempDir()})
	defer s.cancel()
	book := newRulebook(s)
	carried, err := ruleFiles()
	if err != nil {
		t.Fatal(err)
	}
	for subject, list := range carried {
		if known, err := book.library.Judge(subject, list); !known || err != nil {
			t.Errorf("%s: read by a service: %v, %v", subject, known, err)
		}
	}
	for _, subject := range book.library.Missing() {
		if carried[subject] == nil {
			t.Errorf("there is no rule file of %s", subject)
		}
	}
}
