package fleet

import (
	"context"
	"encoding/hex"
	"hash/fnv"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"
)

// mostJumps bounds the places of one sample; leastPlaces is into how many a
// sample is spread at least.
const mostJumps, leastPlaces = 2000, 10

// sample finds the next place of a sample: the beginning, the end, where the
// newest rows often are, and then places that depend on nothing but the
// table's name and their number, so that a restart goes on as it would have.
func (c *comparer) sample(ctx context.Context, t *tableState, p pair, size int) (*stretch, error) {
	if share := int(c.want.Sample / 100 * float64(t.Estimate) / leastPlaces); size > share {
		size = max(share, 100)
	}
	if t.Jumps >= mostJumps || c.want.Sample == 0 && t.Jumps >= 2 {
		t.Done = true
		return nil, nil
	}
	n := t.Jumps
	t.Jumps++
	switch n {
	case 0:
		high, err := p.blue.boundary(ctx, c.b, t, "TRUE", size, false)
		return &stretch{high: high, size: size}, err
	case 1:
		low, err := p.blue.boundary(ctx, c.b, t, "TRUE", size, true)
		return &stretch{low: low, size: size}, err
	}
	low, err := c.place(ctx, t, p, n)
	if err != nil {
		return nil, err
	}
	if low == nil { // nothing between, or nothing that can be made up
		t.Done = true
		return nil, nil
	}
	where, err := keysAfter(p.blue.key[:1], low[:1])
	if err != nil {
		return nil, err
	}
	// The place is within the leading column; the next key is a whole one.
	from, err := p.blue.edge(ctx, c.b, t, where, true)
	if err != nil || from == nil {
		return nil, err
	}
	where, err = keysAfter(p.blue.key, from)
	if err != nil {
		return nil, err
	}
	high, err := p.blue.boundary(ctx, c.b, t, where, size, false)
	if err != nil || high == nil {
		return nil, err
	}
	return &stretch{low: from, high: high, size: size}, nil
}

// place is a value of the key's leading column between its least and its
// greatest; nil when there is nothing between.
func (c *comparer) place(ctx context.Context, t *tableState, p pair, n int) ([]string, error) {
	first, err := p.blue.edge(ctx, c.b, t, "TRUE", true)
	if err != nil || first == nil {
		return nil, err
	}
	last, err := p.blue.edge(ctx, c.b, t, "TRUE", false)
	if err != nil || last == nil {
		return nil, err
	}
	h := fnv.New64a()
	h.Write([]byte(t.Table)) // never fails, says hash.Hash
	r := rand.New(rand.NewPCG(h.Sum64(), uint64(n)))
	lead := p.blue.key[0]
	switch lead.keyKind() {
	case keyNumber:
		return numberBetween(first[0], last[0], r), nil
	case keyTime:
		return timeBetween(first[0], last[0], r), nil
	case keyText:
		switch lead.charset {
		case "ucs2", "utf16", "utf16le", "utf32":
			return nil, nil // letters are not single bytes there: the ends are the sample
		}
		return []string{hexBetween(first[0], last[0], r, "0123456789abcdefghijklmnopqrstuvwxyz")}, nil
	}
	return []string{hexBetween(first[0], last[0], r, "")}, nil
}

func numberBetween(low, high string, r *rand.Rand) []string {
	a, ok1 := new(big.Int).SetString(strings.Split(low, ".")[0], 10)
	b, ok2 := new(big.Int).SetString(strings.Split(high, ".")[0], 10)
	if !ok1 || !ok2 || a.Cmp(b) >= 0 {
		return nil
	}
	width := new(big.Float).SetInt(new(big.Int).Sub(b, a))
	step, _ := new(big.Float).Mul(width, big.NewFloat(r.Float64())).Int(nil)
	return []string{step.Add(step, a).String()}
}

func timeBetween(low, high string, r *rand.Rand) []string {
	for _, form := range []string{time.DateTime, time.DateOnly} {
		a, err1 := time.Parse(form, low[:min(len(low), len(form))])
		b, err2 := time.Parse(form, high[:min(len(high), len(form))])
		if err1 == nil && err2 == nil && a.Before(b) {
			return []string{a.Add(time.Duration(r.Float64() * float64(b.Sub(a)))).Format(form)}
		}
	}
	return nil // times of day and zero dates: the ends of the table are the sample
}

// hexBetween makes up a value of bytes: what both ends begin with, and then
// some of the letters, or of all bytes.
func hexBetween(low, high string, r *rand.Rand, letters string) string {
	n := 0
	for n+1 < min(len(low), len(high)) && low[n:n+2] == high[n:n+2] && (letters == "" || low[n] < '8') {
		n += 2 // with letters only ASCII is kept: the rest could end within a character
	}
	var b [3]byte
	for i := range b {
		if letters == "" {
			b[i] = byte(r.UintN(256))
		} else {
			b[i] = letters[r.IntN(len(letters))]
		}
	}
	return low[:n] + hex.EncodeToString(b[:])
}
