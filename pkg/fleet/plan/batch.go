package plan

// Progress counts the databases of a wave.
type Progress struct {
	Total int
	// Switched have been switched and verified since the wave began.
	Switched int
	// Switching are being switched, or their switchover is not settled.
	Switching int
	// Building are greens being built that are not ready yet.
	Building int
	Failed   int
}

// SwitchSlots is how many more switchovers may start now: none past the error
// budget, one until the wave's first database has come through, and up to
// SwitchLimit at once after that.
func (w Wave) SwitchSlots(p Progress) int {
	if p.Total > 0 && w.Budget.Exhausted(p.Failed, p.Total) {
		return 0
	}
	limit := max(w.SwitchLimit, 1)
	if p.Switched == 0 {
		limit = 1
	}
	return max(limit-p.Switching, 0)
}

// BuildSlots is how many more greens may be begun now. Building does no harm,
// so the first database does not go alone; a wave past its budget builds none.
func (w Wave) BuildSlots(p Progress) int {
	if p.Total > 0 && w.Budget.Exhausted(p.Failed, p.Total) {
		return 0
	}
	return max(max(w.BuildLimit, 1)-p.Building, 0)
}

// Batches is the order in which a wave switches, if all goes well: the first
// database alone, then up to SwitchLimit at once and never two of one service
// together. service gives a database's service, "" for none.
func (w Wave) Batches(items []Item, service func(Item) string) [][]Item {
	var batches [][]Item
	waiting := items
	limit := 1
	for len(waiting) > 0 {
		var batch, later []Item
		busy := map[string]bool{}
		for _, it := range waiting {
			s := service(it)
			if len(batch) == limit || s != "" && busy[s] {
				later = append(later, it)
				continue
			}
			busy[s] = true
			batch = append(batch, it)
		}
		batches = append(batches, batch)
		waiting, limit = later, max(w.SwitchLimit, 1)
	}
	return batches
}

// Service is the database's service by the plan's service tag, "" without one.
func (p *Plan) Service(it Item) string {
	if p.ServiceTag == "" {
		return ""
	}
	return it.Tags[p.ServiceTag]
}
