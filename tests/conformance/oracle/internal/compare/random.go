package compare

// Random compares random projects.
type Random struct {
	Demitasse, Differences, Kind, Keep string
	Seed                               uint64
	Count                              int
}

// Run does so.
func (r *Random) Run() error { return nil }
