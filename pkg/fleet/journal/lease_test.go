package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func holder(name string) Holder {
	return Holder{Owner: name, Host: name + "-host", PID: 1, Command: "run plan.yaml", Since: time.Now()}
}

func TestLeaseExcludes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(time.Now)
		first, err := AcquireLease(t.Context(), b, "p/lease.json", holder("anna"), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = AcquireLease(t.Context(), b, "p/lease.json", holder("ben"), "", nil)
		var held *LeaseError
		var locked *LockedError
		if !errors.As(err, &held) || !errors.As(err, &locked) || held.Holder.Owner != "anna" || held.ID != first.ID() {
			t.Fatalf("a second holder got %v", err)
		}
		for range 20 { // renewed, it never ends
			time.Sleep(LeaseTTL / 2)
			if err := first.Renew(t.Context()); err != nil || first.Check() != nil {
				t.Fatal(err, first.Check())
			}
		}
		if _, err = AcquireLease(t.Context(), b, "p/lease.json", holder("ben"), "", nil); err == nil {
			t.Fatal("a renewed lease was taken")
		}
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		second, err := AcquireLease(t.Context(), b, "p/lease.json", holder("ben"), "", nil)
		if err != nil || second.Generation() != first.Generation()+1 {
			t.Fatalf("after the release: %v", err)
		}
	})
}

// A holder that cannot renew stops before anybody else can begin.
func TestLeaseEndsForItsHolderFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(time.Now)
		first, err := AcquireLease(t.Context(), b, "l", holder("anna"), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		b.before = func(verb, _ string) error {
			if verb == "put" {
				return errors.New("no way to the bucket")
			}
			return nil
		}
		for first.Check() == nil {
			if err := first.Renew(t.Context()); err == nil {
				t.Fatal("a renewal without a bucket succeeded")
			}
			if _, err := AcquireLease(t.Context(), b, "l", holder("ben"), "", nil); err == nil {
				t.Fatal("it was taken while its holder still acted")
			}
			time.Sleep(time.Second)
		}
		if !errors.Is(first.Check(), ErrLeaseLost) {
			t.Errorf("check: %v", first.Check())
		}
		b.before = nil
		if _, err := AcquireLease(t.Context(), b, "l", holder("ben"), "", nil); err == nil {
			t.Error("it was taken within its margin")
		}
		time.Sleep(leaseMargin + time.Second)
		second, err := AcquireLease(t.Context(), b, "l", holder("ben"), "", nil)
		if err != nil {
			t.Fatalf("after its end: %v", err)
		}
		if err := first.Renew(t.Context()); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the old holder renewed a lost lease: %v", err)
		}
		if err := first.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if second.Check() != nil {
			t.Error("the old holder's release took the new one's lease")
		}
	})
}

func TestLeaseTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(time.Now)
		first, err := AcquireLease(t.Context(), b, "l", holder("anna"), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := AcquireLease(t.Context(), b, "l", holder("ben"), "another", nil); err == nil {
			t.Fatal("taken over with a wrong id")
		}
		if _, err := AcquireLease(t.Context(), b, "l", holder("ben"), first.ID(), nil); err != nil {
			t.Fatalf("taken over with the right id: %v", err)
		}
		if err := first.Renew(t.Context()); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the old holder renews: %v", err)
		}
	})
}

// The host's clock may be wrong by hours: the bucket's decides.
func TestLeaseClockSkew(t *testing.T) {
	for _, skew := range []time.Duration{-6 * time.Hour, 6 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket(time.Now)
				if _, err := AcquireLease(t.Context(), b, "l", holder("anna"), "", nil); err != nil {
					t.Fatal(err)
				}
				wrong := func() time.Time { return time.Now().Add(skew) }
				if _, err := AcquireLease(t.Context(), b, "l", holder("ben"), "", wrong); err == nil {
					t.Fatal("a wrong clock took a lease that holds")
				}
				time.Sleep(LeaseTTL + time.Second)
				l, err := AcquireLease(t.Context(), b, "l", holder("ben"), "", wrong)
				if err != nil {
					t.Fatalf("a wrong clock keeps from a lease that has ended: %v", err)
				}
				if l.Check() != nil {
					t.Error(l.Check())
				}
			})
		})
	}
}

func TestLeaseLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(time.Now)
		b.lose = 1
		l, err := AcquireLease(t.Context(), b, "l", holder("anna"), "", nil)
		if err != nil {
			t.Fatalf("the answer to taking it was lost: %v", err)
		}
		b.lose = 1
		if err := l.Renew(t.Context()); err != nil || l.Check() != nil {
			t.Fatalf("the answer to a renewal was lost: %v", err)
		}
		if err := l.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// Of many that come at the same moment, one gets it.
func TestLeaseRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(time.Now)
		got := make(chan *Lease, 50)
		for n := range 50 {
			go func() {
				l, err := AcquireLease(t.Context(), b, "l", holder(fmt.Sprint("h", n)), "", nil)
				if err != nil {
					l = nil
				}
				got <- l
			}()
		}
		winners := 0
		for range 50 {
			if l := <-got; l != nil {
				winners++
			}
		}
		if winners != 1 {
			t.Errorf("%d holders", winners)
		}
	})
}

func FuzzLease(f *testing.F) {
	good, err := json.Marshal(leaseData{ID: "abc", Holder: holder("anna"), TTL: 120, Generation: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"id":"x","ttl":-1}`))
	f.Add([]byte("{}{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := newBucket(time.Now)
		b.objects["l"] = Object{Data: data, ETag: `"1"`, Modified: time.Now()}
		l, err := AcquireLease(t.Context(), b, "l", holder("ben"), "", nil)
		if (l == nil) == (err == nil) {
			t.Fatalf("lease %v, error %v", l, err)
		}
		if l != nil {
			d, derr := decodeLease(data)
			if derr != nil || !d.Released {
				t.Fatalf("taken although it stood %q", data)
			}
		}
	})
}
