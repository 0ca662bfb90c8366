package allinone

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher"
)

// matchQuestion is a question about matching between processes; each kind has a subject of its own.
type matchQuestion struct {
	Demand   string                  `json:"demand,omitempty"`
	Offer    string                  `json:"offer,omitempty"`
	Clearing *matcher.ClearingAsk    `json:"clearing,omitempty"`
	Limit    int                     `json:"limit,omitempty"` // places, 0: the usual number
	Draft    *events.DemandPublished `json:"draft,omitempty"`
	Region   string                  `json:"region,omitempty"`
	Epoch    string                  `json:"epoch,omitempty"` // that the asker's positions are of
}

// answerMatches answers from the matcher of this process.
func (s *System) answerMatches() error {
	for subject, find := range map[string]func(*matcher.Service, matchQuestion, time.Time) (any, error){
		askMatch: func(m *matcher.Service, q matchQuestion, at time.Time) (any, error) {
			a, err := m.Match(q.Demand, q.Limit, at)
			return stamped(a, err, func() { a.Epoch = s.epoch() })
		},
		askExplain: func(m *matcher.Service, q matchQuestion, at time.Time) (any, error) {
			a, err := m.Explain(q.Demand, q.Offer, at)
			return stamped(a, err, func() { a.Epoch = s.epoch() })
		},
		askNearMisses: func(m *matcher.Service, q matchQuestion, at time.Time) (any, error) {
			a, err := m.NearMisses(q.Demand, q.Limit, at)
			return stamped(a, err, func() { a.Epoch = s.epoch() })
		},
		askStack: func(m *matcher.Service, q matchQuestion, at time.Time) (any, error) { return m.Stack(q.Demand, at) },
		askClear: func(m *matcher.Service, q matchQuestion, at time.Time) (any, error) {
			if q.Clearing == nil {
				return nil, events.ErrMalformed.Refuse("/clearing", "缺少内容", "it is missing")
			}
			return m.Clear(*q.Clearing, at)
		},
		askLeads: func(m *matcher.Service, q matchQuestion, at time.Time) (any, error) {
			a, err := m.Leads(q.Offer, q.Limit, at)
			return stamped(a, err, func() { a.Epoch = s.epoch() })
		},
		askDraft: func(m *matcher.Service, q matchQuestion, at time.Time) (any, error) {
			if q.Draft == nil {
				return nil, events.ErrMalformed.Refuse("", "没有需求草稿", "there is no draft")
			}
			a, err := m.Try(q.Draft, q.Limit, at)
			return stamped(a, err, func() { a.Epoch = s.epoch() })
		},
		askBlocked: func(m *matcher.Service, q matchQuestion, at time.Time) (any, error) {
			a := s.counts.of(m, q.Region, at)
			a.Epoch = s.epoch()
			return a, nil
		},
	} {
		_, err := s.answers(subject, func(ctx context.Context, question []byte) (any, error) {
			var q matchQuestion
			if err := json.Unmarshal(question, &q); err != nil {
				return nil, events.ErrMalformed.Refuse("", "无法解析", "it cannot be read")
			}
			if q.Limit == 0 {
				q.Limit = matcher.RecommendedMax
			}
			if epoch := s.epoch(); q.Epoch != "" && q.Epoch != epoch {
				return nil, events.ErrEpoch.Refusef("/epoch", "现在的账本世代是 %s", "the ledgers here are of epoch %s", epoch)
			}
			service, err := s.matcher.fresh(ctx)
			if err != nil {
				return nil, err
			}
			return find(service, q, time.Now().UTC())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stamped gives an answer its epoch.
func stamped(answer any, err error, stamp func()) (any, error) {
	if err != nil {
		return nil, err
	}
	stamp()
	return answer, nil
}

// epoch names the ledgers that positions are of: ledgers made anew under the same names have another.
func (s *System) epoch() string {
	h := sha256.New()
	for i, name := range events.Contexts {
		if slices.Contains(matcher.Follows(), name) {
			var at [8]byte
			binary.BigEndian.PutUint64(at[:], uint64(s.created[i].UnixNano()))
			h.Write(at[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
