package plan

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
