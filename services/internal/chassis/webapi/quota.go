package webapi

import "sync"

// Quota bounds what is under way at once, in total and of one client: whoever takes all of their own leaves the others theirs.
type Quota struct {
	Total, Each int

	mu  sync.Mutex
	by  map[string]int
	sum int
}

// Enter takes a place for a client, or says that there is none.
func (q *Quota) Enter(client string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sum >= q.Total || q.by[client] >= q.Each {
		return false
	}
	if q.by == nil {
		q.by = make(map[string]int)
	}
	q.by[client]++
	q.sum++
	return true
}

// Leave gives it back.
func (q *Quota) Leave(client string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sum--
	if q.by[client]--; q.by[client] == 0 {
		delete(q.by, client)
	}
}

// Len is the number of places taken.
func (q *Quota) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sum
}
