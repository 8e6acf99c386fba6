package bluegreen

// GreenNeed is what one green takes of the account's quotas while it lives.
type GreenNeed struct {
	Database   string `json:"database"`
	Instances  int    `json:"instances"`   // 1 and its replicas
	StorageGiB int    `json:"storage_gib"` // of all of them
}

// QuotaLimit is the largest number of greens that the quotas hold at once.
func QuotaLimit(q []Quota, greens []GreenNeed) (int, []Issue) { return 0, nil }
