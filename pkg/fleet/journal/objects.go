package journal

import (
	"context"
	"errors"
	"time"
)

// Objects is a bucket with conditional writes, as S3 offers them. All methods
// may be called from many goroutines.
type Objects interface {
	// Get reads an object; ErrNoObject when there is none.
	Get(ctx context.Context, key string) (Object, error)
	// Put writes an object under a condition and returns its new ETag. The error
	// is ErrConflict when the condition does not hold, and ErrLost when it is not
	// known whether the write took effect.
	Put(ctx context.Context, key string, data []byte, c Condition) (etag string, err error)
	// List gives the keys with the prefix, in order.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes an object; one that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// Object is what Get reads.
type Object struct {
	Data []byte
	ETag string
	// Modified and Now are when it was written and when it was read, both by the
	// bucket's clock, so that the hosts' own clocks do not matter.
	Modified, Now time.Time
}

// Condition is what must hold for a write: Absent, or the ETag that the object
// has. The zero Condition writes over whatever there is.
type Condition struct {
	Absent bool   // If-None-Match: *
	ETag   string // If-Match
}

// The errors of Objects that callers act on.
var (
	ErrNoObject = errors.New("there is no such object")
	ErrConflict = errors.New("somebody else has written the object")
	ErrLost     = errors.New("the answer to the write was lost")
)
