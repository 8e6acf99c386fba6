package journal

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// bucket is Objects in memory. Its clock is its own.
type bucket struct {
	mu      sync.Mutex
	objects map[string]Object
	now     func() time.Time
	writes  int
	// before, when set, may make a call fail, or act in its place before it.
	before func(verb, key string) error
	// lose makes the answers of the next writes get lost after they took effect.
	lose int
}

func newBucket(now func() time.Time) *bucket {
	return &bucket{objects: map[string]Object{}, now: now}
}

func (b *bucket) hook(verb, key string) error {
	if b.before == nil {
		return nil
	}
	return b.before(verb, key)
}

func (b *bucket) Get(_ context.Context, key string) (Object, error) {
	if err := b.hook("get", key); err != nil {
		return Object{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	if !ok {
		return Object{}, fmt.Errorf("get %s: %w", key, ErrNoObject)
	}
	o.Data, o.Now = bytes.Clone(o.Data), b.now()
	return o, nil
}

func (b *bucket) Put(_ context.Context, key string, data []byte, c Condition) (string, error) {
	if err := b.hook("put", key); err != nil {
		return "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old, ok := b.objects[key]
	if c.Absent && ok || c.ETag != "" && (!ok || old.ETag != c.ETag) {
		return "", fmt.Errorf("put %s: %w", key, ErrConflict)
	}
	b.writes++
	o := Object{Data: bytes.Clone(data), ETag: fmt.Sprintf(`"%d"`, b.writes), Modified: b.now()}
	b.objects[key] = o
	if b.lose > 0 {
		b.lose--
		return "", fmt.Errorf("put %s: %w", key, ErrLost)
	}
	return o.ETag, nil
}

func (b *bucket) List(_ context.Context, prefix string) ([]string, error) {
	if err := b.hook("list", prefix); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var keys []string
	for k := range b.objects {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func (b *bucket) Delete(_ context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, key)
	return nil
}
