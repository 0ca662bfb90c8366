package matcher

// placed is a place of a ranking.
type placed interface {
	Ranked | Lead | spot
	rank() (score int, id string)
}

func (r Ranked) rank() (int, string) { return r.Score, r.ID }

func (l Lead) rank() (int, string) { return l.Score, l.ID }

// worse orders places: lower score first, equal scores by descending id.
func worse[P placed](a, b P) bool {
	scoreA, idA := a.rank()
	scoreB, idB := b.rank()
	if scoreA != scoreB {
		return scoreA < scoreB
	}
	return idA > idB
}

// leaders keeps the best places seen in a heap whose root is the worst of them.
type leaders[P placed] struct {
	places []P
	limit  int
}

func leadersOf[P placed](k int) leaders[P] {
	limit := max(0, min(k, TopMax))
	return leaders[P]{places: make([]P, 0, limit), limit: limit}
}

func (l *leaders[P]) offer(p P) {
	if len(l.places) < l.limit {
		l.places = append(l.places, p)
		for i := len(l.places) - 1; i > 0; {
			parent := (i - 1) / 2
			if !worse(l.places[i], l.places[parent]) {
				return
			}
			l.places[i], l.places[parent] = l.places[parent], l.places[i]
			i = parent
		}
		return
	}
	if worse(l.places[0], p) {
		l.places[0] = p
		l.sink(len(l.places))
	}
}

// sink restores the heap of the first n places after its root changed.
func (l *leaders[P]) sink(n int) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && worse(l.places[child+1], l.places[child]) {
			child++
		}
		if !worse(l.places[child], l.places[i]) {
			return
		}
		l.places[i], l.places[child] = l.places[child], l.places[i]
		i = child
	}
}

// ranking takes the worst away to the end until the best stands first.
func (l *leaders[P]) ranking() []P {
	for n := len(l.places) - 1; n > 0; n-- {
		l.places[0], l.places[n] = l.places[n], l.places[0]
		l.sink(n)
	}
	return l.places
}
