package plan

import (
	"fmt"
	"strings"
)

// nearest is the candidate that s was probably meant to be, or "".
func nearest(s string, candidates []string) string {
	best, bestDistance := "", 0
	folded := fold(s)
	for _, c := range candidates {
		// One mistake in three letters is a typing error; more is another word.
		limit := max(1, min(len(s), len(c))/3)
		if abs(len(s)-len(c)) > limit {
			continue
		}
		d := distance(folded, fold(c))
		if d <= limit && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	if best != "" || len(s) < 4 {
		return best
	}
	for _, c := range candidates { // "max_lag" for "max_replica_lag", "graviton3" for "graviton"
		if subsequenceOfWords(s, c) || strings.HasPrefix(folded, fold(c)) && len(c) >= 4 {
			return c
		}
	}
	return ""
}

// Nearest is the candidate that s was probably meant to be, "" when none is near.
func Nearest(s string, candidates []string) string { return nearest(s, candidates) }

// didYouMean is a Want: the nearest candidate, or all of them.
func didYouMean(s string, candidates []string) string {
	if n := nearest(s, candidates); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return oneOf(candidates)
}

func oneOf(candidates []string) string {
	switch len(candidates) {
	case 0:
		return ""
	case 1:
		return "want " + candidates[0]
	}
	last := len(candidates) - 1
	return "want one of " + strings.Join(candidates[:last], ", ") + " or " + candidates[last]
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// subsequenceOfWords tells whether every word of s is a word of c, as in
// max_lag and max_replica_lag.
func subsequenceOfWords(s, c string) bool {
	words := strings.Split(fold(c), "_")
	if len(words) < 2 {
		return false
	}
	at := 0
	for _, w := range strings.Split(fold(s), "_") {
		for at < len(words) && words[at] != w {
			at++
		}
		if at == len(words) {
			return false
		}
		at++
	}
	return true
}

// distance counts insertions, deletions, replacements and swaps of neighbours
// (optimal string alignment). Long strings are not compared: nothing in a plan
// that could be mistyped is longer.
func distance(a, b string) int {
	const longest = 128
	if len(a) > longest || len(b) > longest {
		return longest
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
