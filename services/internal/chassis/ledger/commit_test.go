package ledger

import (
	"encoding/json"
	"testing"

	"github.com/jieli-bus/jieli/events"
)

// TestAppendRecord: the closing record is written by hand; it must be what encoding/json writes of the same record.
func TestAppendRecord(t *testing.T) {
	refusal := events.ErrVersion.Refusef("/a<b>", "期望版本 %d “引号”", `expected "%d" & \ more`, 7)
	refusal.Instance = "0190a1b2-0000-7000-8000-000000000001"
	id := "0190a1b2-0000-7000-8000-00000000000f"
	records := []Record{
		{Commit: id, Partition: "demand.0", Number: 1, Prev: Hash{}.String(), Epoch: 0, Outcomes: []Outcome{{Command: id, Body: "00ff", Subject: "d-1"}}},
		{Commit: id, Partition: "party.63", Number: 1<<64 - 1, Prev: Hash{1, 2, 3}.String(), Epoch: 1<<63 + 5, Outcomes: []Outcome{
			{Command: id, Body: "aa", Subject: "a_b-c~d:e", Version: 3, First: 0, Count: 2},
			{Command: id, Body: "bb", Subject: "Z", Version: 1<<64 - 1, First: 7, Count: 1},
			{Command: id, Body: "cc", Subject: "x", Version: 1, Problem: refusal},
			{Command: id, Body: "dd", Subject: "x", Problem: events.ErrInternal.Refuse("", "", "")},
		}},
	}
	for i := range records {
		want, err := json.Marshal(&records[i])
		if err != nil {
			t.Fatal(err)
		}
		got, err := appendRecord([]byte("before"), &records[i])
		if err != nil || string(got) != "before"+string(want) {
			t.Errorf("record %d: error %v\n got %s\nwant before%s", i, err, got, want)
		}
	}
}
