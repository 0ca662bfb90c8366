package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// logEvery is how often a stream that nobody watches gets a line of progress.
const logEvery = 2 * time.Second

// progress shows how far long work has come: a bar on a terminal, else a line every two seconds.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	label string
	total int64 // 0: not known
	bar   *progressbar.ProgressBar
	begun time.Time
	said  time.Time
	done  int64
}

func newProgress(w io.Writer, label string, total int64) *progress {
	p := &progress{w: w, label: label, total: total, begun: time.Now(), said: time.Now()}
	if terminal(w) {
		if total == 0 {
			total = -1
		}
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

// set says that done of total steps are done.
func (p *progress) set(done int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done < p.done {
		return // callers report from many goroutines
	}
	p.done = done
	if p.bar != nil {
		// The bar's own error is that it is full: counts of files are estimates.
		_ = p.bar.Set64(min(done, max(p.total, done)))
		return
	}
	if time.Since(p.said) >= logEvery {
		p.said = time.Now()
		fmt.Fprintln(p.w, p.line())
	}
}

func (p *progress) line() string {
	rate := float64(p.done) / time.Since(p.begun).Seconds()
	s := fmt.Sprintf("%s %d", p.label, p.done)
	if p.total > 0 {
		s += fmt.Sprintf("/%d", p.total)
	}
	s += fmt.Sprintf(" · %.0f/s", rate)
	if p.total > p.done && rate > 0 {
		s += " · " + time.Duration(float64(p.total-p.done)/rate*float64(time.Second)).Round(time.Second).String()
	}
	return s
}

func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Finish() // a bar that cannot be drawn is no failure of the work
	}
}
