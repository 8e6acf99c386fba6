package awsrds

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/s3like"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func bucketOn(t *testing.T, s *s3like.Server) *Bucket {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", "")
	b, err := DialBucket(t.Context(), "bucket", srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// buckets are the small server here, and moto when RDSUPGRADE_TEST_MOTO names one.
func buckets(t *testing.T) map[string]*Bucket {
	t.Helper()
	all := map[string]*Bucket{"like-s3": bucketOn(t, &s3like.Server{})}
	if url := os.Getenv("RDSUPGRADE_TEST_MOTO"); url != "" {
		name := fmt.Sprintf("rdsupgrade-%d", time.Now().UnixNano())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		b, err := DialBucket(t.Context(), name, url)
		if err != nil {
			t.Fatal(err)
		}
		all["moto"] = b
	}
	return all
}

func TestBucketConditions(t *testing.T) {
	for name, b := range buckets(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if _, err := b.Get(ctx, "p/x"); !errors.Is(err, journal.ErrNoObject) {
				t.Fatalf("get of nothing: %v", err)
			}
			if _, err := b.Put(ctx, "p/x", []byte("0"), journal.Condition{ETag: `"nope"`}); !errors.Is(err, journal.ErrConflict) {
				t.Errorf("If-Match on nothing: %v", err)
			}
			etag, err := b.Put(ctx, "p/x", []byte("1"), journal.Condition{Absent: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Put(ctx, "p/x", []byte("2"), journal.Condition{Absent: true}); !errors.Is(err, journal.ErrConflict) {
				t.Errorf("If-None-Match on something: %v", err)
			}
			if _, err := b.Put(ctx, "p/x", []byte("2"), journal.Condition{ETag: etag}); err != nil {
				t.Errorf("If-Match that holds: %v", err)
			}
			if _, err := b.Put(ctx, "p/x", []byte("3"), journal.Condition{ETag: etag}); !errors.Is(err, journal.ErrConflict) {
				t.Errorf("If-Match that does not hold: %v", err)
			}
			o, err := b.Get(ctx, "p/x")
			if err != nil || string(o.Data) != "2" || o.Modified.IsZero() || o.Now.Before(o.Modified.Truncate(time.Second)) {
				t.Errorf("%+v %v", o, err)
			}
			for i := range 8 {
				if _, err := b.Put(ctx, fmt.Sprintf("list/%d", i), nil, journal.Condition{}); err != nil {
					t.Fatal(err)
				}
			}
			keys, err := b.List(ctx, "list/")
			if err != nil || len(keys) != 8 {
				t.Errorf("%v %v", keys, err)
			}
			if err := b.Delete(ctx, "p/x"); err != nil {
				t.Error(err)
			}
			if err := b.Delete(ctx, "p/x"); err != nil {
				t.Errorf("delete of nothing: %v", err)
			}
		})
	}
}

// The lease and the journal over HTTP, as two runners would use them.
func TestLeaseAndJournalOnBucket(t *testing.T) {
	for name, b := range buckets(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			h := journal.Holder{Owner: "anna", Host: "a", PID: 1, Command: "run"}
			first, err := journal.AcquireLease(ctx, b, "c/lease.json", h, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			h.Owner = "ben"
			var locked *journal.LockedError
			if _, err := journal.AcquireLease(ctx, b, "c/lease.json", h, "", nil); !errors.As(err, &locked) || locked.Holder.Owner != "anna" {
				t.Fatalf("second: %v", err)
			}
			one, _, err := journal.OpenSegments(ctx, b, "c/journal", first.Check, journal.Entry{Kind: journal.Note, What: "anna"}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			second, err := journal.AcquireLease(ctx, b, "c/lease.json", h, first.ID(), nil)
			if err != nil {
				t.Fatalf("take over: %v", err)
			}
			two, _, err := journal.OpenSegments(ctx, b, "c/journal", second.Check, journal.Entry{Kind: journal.Note, What: "ben"}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			// The first holder does not know yet; its write must not get through.
			if _, err := one.Append(journal.Entry{Kind: journal.Intent, What: "late"}); !errors.Is(err, journal.ErrConflict) {
				t.Errorf("late write: %v", err)
			}
			if err := first.Renew(ctx); !errors.Is(err, journal.ErrLeaseLost) {
				t.Errorf("late renewal: %v", err)
			}
			if _, err := two.Append(journal.Entry{Kind: journal.Intent, What: "mine"}); err != nil {
				t.Error(err)
			}
			if err := second.Release(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// A write that took effect and was answered with a 500 is found to be our own.
func TestBucketLostAnswer(t *testing.T) {
	s := &s3like.Server{}
	b := bucketOn(t, s)
	lease, err := journal.AcquireLease(t.Context(), b, "l", journal.Holder{Owner: "anna"}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.LoseAnswer()
	if err := lease.Renew(t.Context()); err != nil || lease.Check() != nil {
		t.Errorf("a renewal whose answer was lost: %v", err)
	}
}
