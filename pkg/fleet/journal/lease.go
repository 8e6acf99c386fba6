package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// LeaseTTL is how long a lease lasts without renewal. A run that was killed
// holds its campaign for so long.
const LeaseTTL = 2 * time.Minute

// leaseMargin is how long before the end of its lease a holder stops acting:
// it covers a call that is already on its way, and clocks of different speed.
const leaseMargin = 20 * time.Second

// leaseData is the lease object.
type leaseData struct {
	ID string `json:"id"` // of this holding; a takeover must spell it out
	Holder
	// TTL is in seconds, Expires is for people: who wants to take over goes by
	// the bucket's clock.
	TTL      int       `json:"ttl"`
	Expires  time.Time `json:"expires"`
	Released bool      `json:"released,omitempty"`
	// Generation rises with every new holder.
	Generation int64 `json:"generation"`
	// Renewal makes every write differ, so that a lost answer can be told from
	// somebody else's write.
	Renewal int64 `json:"renewal"`
}

// LeaseError says that somebody else holds the lease, or took it.
type LeaseError struct {
	Key    string
	ID     string
	Holder Holder
	// Until is when the lease can be taken without the holder's id.
	Until time.Time
}

// Error names the holder, and how the lease could be had.
func (e *LeaseError) Error() string {
	return fmt.Sprintf("%s is held by %s; the lease %s ends %s unless it is renewed", e.Key, e.Holder, e.ID, e.Until.UTC().Format("2006-01-02 15:04:05 MST"))
}

// Unwrap makes it a LockedError, which is what it means for a command.
func (e *LeaseError) Unwrap() error { return &LockedError{Path: e.Key, Holder: e.Holder} }

// ErrLeaseLost says that the holder must not act any more.
var ErrLeaseLost = errors.New("the lease is lost or could not be renewed in time; nothing more is done")

// Lease is a held lease. Its methods may be called from many goroutines.
type Lease struct {
	objects Objects
	key     string
	now     func() time.Time

	mu    sync.Mutex
	data  leaseData
	etag  string
	valid time.Time // by this host's clock
	lost  error
}

// AcquireLease takes the lease under key for h. takeOver is the id of a holding
// that is to be broken before its end, "" for none.
func AcquireLease(ctx context.Context, o Objects, key string, h Holder, takeOver string, now func() time.Time) (*Lease, error) {
	if now == nil {
		now = time.Now
	}
	l := &Lease{objects: o, key: key, now: now}
	old, err := o.Get(ctx, key)
	cond := Condition{ETag: old.ETag}
	switch {
	case errors.Is(err, ErrNoObject):
		cond = Condition{Absent: true}
	case err != nil:
		return nil, fmt.Errorf("read the lease: %w", err)
	default:
		was, err := decodeLease(old.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		end := old.Modified.Add(time.Duration(was.TTL) * time.Second)
		if !was.Released && old.Now.Before(end) && (takeOver == "" || takeOver != was.ID) {
			return nil, &LeaseError{Key: key, ID: was.ID, Holder: was.Holder, Until: end}
		}
		l.data.Generation = was.Generation
	}
	l.data = leaseData{ID: rand.Text()[:10], Holder: h, TTL: int(LeaseTTL / time.Second), Generation: l.data.Generation + 1}
	if err := l.write(ctx, cond); err != nil {
		if errors.Is(err, ErrConflict) {
			return nil, l.whoHas(ctx)
		}
		return nil, fmt.Errorf("take the lease: %w", err)
	}
	return l, nil
}

// whoHas names who was quicker.
func (l *Lease) whoHas(ctx context.Context) error {
	o, err := l.objects.Get(ctx, l.key)
	if err != nil {
		return fmt.Errorf("somebody else took the lease, and it cannot be read: %w", err)
	}
	d, err := decodeLease(o.Data)
	if err != nil {
		return fmt.Errorf("%s: %w", l.key, err)
	}
	return &LeaseError{Key: l.key, ID: d.ID, Holder: d.Holder, Until: o.Modified.Add(time.Duration(d.TTL) * time.Second)}
}

// decodeLease reads a lease strictly: what is not understood is held by somebody.
func decodeLease(b []byte) (leaseData, error) {
	var d leaseData
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil || dec.More() {
		return d, errors.New("this is not a lease of this tool; remove it by hand when nobody uses it")
	}
	if d.TTL <= 0 || d.TTL > 24*3600 || d.Generation < 1 || d.ID == "" {
		return d, errors.New("the lease makes no sense; remove it by hand when nobody uses it")
	}
	return d, nil
}

// write puts the lease under a condition, and finds out what happened when the
// answer is lost.
func (l *Lease) write(ctx context.Context, c Condition) error {
	began := l.now()
	l.data.Renewal++
	l.data.Expires = began.Add(LeaseTTL).UTC().Truncate(time.Second)
	b, err := json.Marshal(l.data)
	if err != nil {
		return fmt.Errorf("encode the lease: %w", err)
	}
	etag, err := l.objects.Put(ctx, l.key, b, c)
	if err != nil && !errors.Is(err, ErrConflict) || errors.Is(err, ErrConflict) && l.data.Renewal > 1 {
		// A write whose answer was lost is repeated below us too: then the
		// repetition conflicts with our own first try.
		if o, gerr := l.objects.Get(ctx, l.key); gerr == nil && bytes.Equal(o.Data, b) {
			etag, err = o.ETag, nil
		}
	}
	if err != nil {
		return err
	}
	l.etag, l.valid = etag, began.Add(LeaseTTL-leaseMargin)
	return nil
}

// Renew prolongs the lease. When somebody else has written it, it is lost for good.
func (l *Lease) Renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return l.lost
	}
	err := l.write(ctx, Condition{ETag: l.etag})
	if errors.Is(err, ErrConflict) {
		l.lost = errors.Join(ErrLeaseLost, l.whoHas(ctx))
		return l.lost
	}
	if err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	return nil
}

// Check tells whether the holder may still act: nil only while the lease is
// certainly its own.
func (l *Lease) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil && !l.now().Before(l.valid) {
		return fmt.Errorf("%w: it was last renewed before %s", ErrLeaseLost, l.valid.Add(leaseMargin-LeaseTTL).UTC().Format(time.TimeOnly))
	}
	return l.lost
}

// Due tells that it is time to renew.
func (l *Lease) Due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost == nil && l.now().After(l.valid.Add(leaseMargin-LeaseTTL*2/3))
}

// ID is what a takeover has to spell out; Generation counts the holders.
func (l *Lease) ID() string { return l.data.ID }

// Generation counts the holders of the lease so far.
func (l *Lease) Generation() int64 { return l.data.Generation }

// Release gives the lease back. The object stays, for its generation.
func (l *Lease) Release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return nil // it is somebody else's
	}
	l.data.Released = true
	if err := l.write(ctx, Condition{ETag: l.etag}); err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("release the lease: %w", err)
	}
	l.lost = ErrLeaseLost
	return nil
}

// HeldBy is who holds the lease under key now, nil when nobody does.
func HeldBy(ctx context.Context, o Objects, key string) (*LeaseError, error) {
	obj, err := o.Get(ctx, key)
	if errors.Is(err, ErrNoObject) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the lease: %w", err)
	}
	d, err := decodeLease(obj.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	end := obj.Modified.Add(time.Duration(d.TTL) * time.Second)
	if d.Released || !obj.Now.Before(end) {
		return nil, nil
	}
	return &LeaseError{Key: key, ID: d.ID, Holder: d.Holder, Until: end}, nil
}
