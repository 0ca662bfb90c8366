package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jieli-bus/jieli/tools/sample"
)

// What the API run loads beside enterprises, and how it asks.
const (
	apiDemands  = 1000 // known before, with recommendations
	apiPrefix   = "api-"
	apiTimeout  = 10 * time.Second
	apiIdleMax  = 512 // connections kept
	apiListRows = 20
	apiTarget   = 20 * time.Millisecond
)

// apiPart asks a loaded `jieli up` over HTTP at a steady rate, whether or not earlier requests are answered.
func (b *bench) apiPart() ([]table, error) {
	dir, remove, err := b.fresh("api")
	if err != nil {
		return nil, err
	}
	defer remove()
	binary := filepath.Join(dir, "jieli")
	if _, err := b.build(binary); err != nil {
		return nil, err
	}
	p, err := b.up(binary, filepath.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	t, err := b.apiOn(p)
	return []table{t}, errors.Join(err, p.stop(syscall.SIGTERM))
}

// apiRequest is one kind of request of the mix.
type apiRequest struct {
	name  string
	share int // of 100
	make  func(random *rand.Rand, n int) (method, path string, body []byte)
}

func (b *bench) apiOn(p *process) (table, error) {
	t := table{head: []string{"", "requests", "p50", "p99", "p99.9", "target"}}
	s, err := attach(p.dir, p.http, b.conns)
	if err != nil {
		return t, err
	}
	defer s.close()
	firms := max(b.preload-b.offers-latencyParties-apiDemands, latencyEnterprises)
	for _, list := range []func(func(command, error) bool){
		enterprises(firms), parties(latencyParties), details(latencyEnterprises), offers(b.offers, latencyParties),
	} {
		if _, err := s.loadAll(b.ctx, list); err != nil {
			return t, err
		}
	}
	demands, err := castDemands(mouldRows, latencyEnterprises)
	if err != nil {
		return t, err
	}
	if _, err := s.loadAll(b.ctx, func(yield func(command, error) bool) {
		for i := range apiDemands {
			if !yield(demands.command(uint64(i), apiPrefix+strconv.Itoa(i)), nil) {
				return
			}
		}
	}); err != nil {
		return t, err
	}
	if err := s.verified(b.ctx); err != nil { // it returns when everything that derives has caught up
		return t, err
	}
	b.log("%s enterprises, %s offers, %s demands loaded", number(float64(firms)), number(float64(b.offers)), number(apiDemands))
	mix := b.apiMix(firms, demands)
	took, err := b.askSteadily(p.http, mix)
	if err != nil {
		return t, err
	}
	var all []time.Duration
	for i, kind := range mix {
		all = append(all, took[i]...)
		t.row(kind.name, number(float64(len(took[i]))), millis(percentile(took[i], 0.5)), millis(percentile(took[i], 0.99)), millis(percentile(took[i], 0.999)), "")
	}
	p99 := percentile(all, 0.99)
	t.row("all", number(float64(len(all))), millis(percentile(all, 0.5)), millis(p99), millis(percentile(all, 0.999)), "p99 "+atMost(p99, apiTarget))
	t.note("%d requests a second for %s to `jieli up` in a process of its own, sent by the clock whether or not earlier ones are answered, in random order "+
		"(seed %d); times count from the planned instant of sending to the last byte of the answer. Every answer is a success.", b.apiRate, b.apiFor, seed)
	t.note("Loaded: %s enterprises, %s institutions, %s offers, %s demands with their recommendations. The writes are on disk, ranked and shared with seven departments meanwhile.",
		number(float64(firms)), number(latencyParties), number(float64(b.offers)), number(apiDemands))
	return t, s.verified(b.ctx)
}

// apiMix is what is asked: an entity most often, lists with a filter, fresh rankings, and one write in ten.
func (b *bench) apiMix(firms int, demands *mould) []apiRequest {
	get := func(format string, args ...any) (string, string, []byte) {
		return http.MethodGet, fmt.Sprintf(format, args...), nil
	}
	regions := []string{"110000", "310000", "330000", "440000", "510000"}
	return []apiRequest{
		{"`GET /v1/enterprises/{uscc}`", 35, func(random *rand.Rand, _ int) (string, string, []byte) {
			return get("/v1/enterprises/%s", sample.Enterprise(seed, random.IntN(firms)).ID)
		}},
		{"`GET /v1/demands/{id}`", 15, func(random *rand.Rand, _ int) (string, string, []byte) {
			return get("/v1/demands/%s%d", apiPrefix, random.IntN(apiDemands))
		}},
		{"`GET /v1/enterprises?region=...&limit=20`", 15, func(random *rand.Rand, _ int) (string, string, []byte) {
			return get("/v1/enterprises?region=%s&limit=%d", regions[random.IntN(len(regions))], apiListRows)
		}},
		{"`GET /v1/offers?status=live&limit=20`", 15, func(*rand.Rand, int) (string, string, []byte) {
			return get("/v1/offers?status=live&limit=%d", apiListRows)
		}},
		{"`GET /v1/demands/{id}/recommendations`", 10, func(random *rand.Rand, _ int) (string, string, []byte) {
			return get("/v1/demands/%s%d/recommendations", apiPrefix, random.IntN(apiDemands))
		}},
		{"`POST /v1/demands`", 10, func(_ *rand.Rand, n int) (string, string, []byte) {
			return http.MethodPost, "/v1/demands", demands.command(uint64(n), apiPrefix+"new-"+strconv.Itoa(n)).data
		}},
	}
}

// askSteadily returns the times of every kind of request.
func (b *bench) askSteadily(base string, mix []apiRequest) ([][]time.Duration, error) {
	total := int(b.apiFor.Seconds() * float64(b.apiRate))
	client := &http.Client{Timeout: apiTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: apiIdleMax}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(b.ctx)
	defer cancel(nil)
	random := rand.New(rand.NewPCG(seed, seed))
	var kinds []int // a hundred, by share
	for i, kind := range mix {
		for range kind.share {
			kinds = append(kinds, i)
		}
	}
	kind, took := make([]int, total), make([]time.Duration, total)
	var running sync.WaitGroup
	begun := time.Now().Add(50 * time.Millisecond)
	for i := range total {
		kind[i] = kinds[random.IntN(len(kinds))]
		method, path, body := mix[kind[i]].make(random, i)
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(b.apiRate))
		pause(ctx, time.Until(due))
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			if err := askOnce(ctx, client, method, base+path, body); err != nil {
				cancel(err)
			}
			took[i] = time.Since(due)
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	byKind := make([][]time.Duration, len(mix))
	for i := range total {
		byKind[kind[i]] = append(byKind[kind[i]], took[i])
	}
	return byKind, nil
}

// askOnce takes nothing but a success.
func askOnce(ctx context.Context, client *http.Client, method, url string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s %s", method, url, answer.Status, text)
	}
	return err
}
