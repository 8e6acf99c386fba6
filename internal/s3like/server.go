// Package s3like is a server that behaves like S3 for one bucket, as far as a
// campaign's state needs it: conditional writes, content hashes as ETags, lists
// in pages, and a clock of its own. Tests let the real SDK talk to it.
package s3like

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

// Server is one bucket; its methods may be called from many goroutines. Objects
// are found under any bucket's name in the path's first part.
type Server struct {
	mu      sync.Mutex
	objects map[string]object
	ahead   time.Duration
	refuse  func(method, key string) int
	lose    bool
	puts    int
}

type object struct {
	data []byte
	etag string
	at   time.Time
}

// pageSize is small, so that every list has several pages.
const pageSize = 3

// Advance puts the bucket's clock forward: leases end by it.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// Refuse makes requests fail before they take effect: f gives the status, 0 lets
// a request pass; nil ends it.
func (s *Server) Refuse(f func(method, key string) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// LoseAnswer makes the next write take effect and be answered with a 500.
func (s *Server) LoseAnswer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = true
}

// Puts is how many objects were written so far.
func (s *Server) Puts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts
}

// Joined are the objects under a prefix one after the other, in order of their keys.
func (s *Server) Joined(prefix string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []byte
	for _, k := range s.keys(prefix, "") {
		all = append(all, s.objects[k].data...)
	}
	return all
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().Add(s.ahead)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if s.refuse != nil {
		if status := s.refuse(r.Method, key); status != 0 {
			refuse(w, status, "AccessDenied")
			return
		}
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2":
		s.list(w, r)
	case r.Method == http.MethodGet:
		o, ok := s.objects[key]
		if !ok {
			refuse(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("ETag", o.etag)
		w.Header().Set("Last-Modified", o.at.UTC().Format(http.TimeFormat))
		_, _ = w.Write(o.data) // who hung up needs no answer
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		s.put(w, r, key, now)
	default:
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

// put keeps to If-None-Match: * and If-Match as S3 does: 412 when the condition
// does not hold, 404 when there is nothing to match.
func (s *Server) put(w http.ResponseWriter, r *http.Request, key string, now time.Time) {
	old, ok := s.objects[key]
	match := r.Header.Get("If-Match")
	switch {
	case r.Header.Get("If-None-Match") == "*" && ok, match != "" && ok && match != old.etag:
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	case match != "" && !ok:
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	sum := md5.Sum(data)
	o := object{data, `"` + hex.EncodeToString(sum[:]) + `"`, now}
	if s.objects == nil {
		s.objects = map[string]object{}
	}
	s.objects[key] = o
	s.puts++
	if s.lose {
		s.lose = false
		refuse(w, http.StatusInternalServerError, "InternalError")
		return
	}
	w.Header().Set("ETag", o.etag)
}

func (s *Server) keys(prefix, after string) []string {
	var keys []string
	for k := range s.objects {
		if strings.HasPrefix(k, prefix) && k > after {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	return keys
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	keys := s.keys(r.URL.Query().Get("prefix"), r.URL.Query().Get("continuation-token"))
	more := len(keys) > pageSize
	keys = keys[:min(pageSize, len(keys))]
	var b bytes.Buffer
	fmt.Fprintf(&b, "<ListBucketResult><IsTruncated>%v</IsTruncated>", more)
	for _, k := range keys {
		b.WriteString("<Contents><Key>")
		_ = xml.EscapeText(&b, []byte(k)) // a bytes.Buffer takes everything
		b.WriteString("</Key></Contents>")
	}
	if more {
		fmt.Fprintf(&b, "<NextContinuationToken>%s</NextContinuationToken>", keys[len(keys)-1])
	}
	b.WriteString("</ListBucketResult>")
	w.Header().Set("Content-Type", "application/xml")
	_, _ = w.Write(b.Bytes()) // who hung up needs no answer
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>refused by the test's bucket</Message></Error>", code)
}
