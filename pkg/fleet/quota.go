package fleet

// quotaLeft counts from the account's quota and from what is seen now.
func (e *Engine) quotaLeft() map[string]int {
	left := map[string]int{}
	for scope, ref := range e.refs {
		s := e.seen[scope]
		if ref == nil || s == nil || s.err != nil {
			continue
		}
		for _, q := range ref.quotas {
			if q.Name == "DBInstances" {
				if ref.others == nil {
					n := int(q.Used) - len(s.instances)
					ref.others = &n
				}
				left[scope] = int(q.Max) - *ref.others - len(s.instances)
			}
		}
	}
	return left
}
