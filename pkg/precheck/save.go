package precheck

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxCatalogBytes bounds an unpacked catalog: a file from elsewhere may be a bomb.
const maxCatalogBytes = 4 << 30

// ErrCatalogFormat tells a catalog that this build cannot read.
var ErrCatalogFormat = errors.New("not a catalog that this build can read")

// Save writes a catalog as gzip-compressed JSON. The catalog holds no row
// data and no secrets to begin with; nothing is taken out here.
func Save(w io.Writer, c *Catalog) error {
	if c.Format != CatalogFormat {
		return fmt.Errorf("save catalog: format %d: %w", c.Format, ErrCatalogFormat)
	}
	z := gzip.NewWriter(w)
	b := bufio.NewWriterSize(z, 1<<16)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		return fmt.Errorf("save catalog: %w", err)
	}
	if err := errors.Join(b.Flush(), z.Close()); err != nil {
		return fmt.Errorf("save catalog: %w", err)
	}
	return nil
}

// Load reads what Save wrote. Errors that mean "this is no catalog of ours"
// unwrap to ErrCatalogFormat.
func Load(r io.Reader) (*Catalog, error) {
	z, err := gzip.NewReader(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("load catalog: %w: not compressed with gzip", ErrCatalogFormat)
	}
	limited := &io.LimitedReader{R: z, N: maxCatalogBytes}
	dec := json.NewDecoder(limited)
	c := &Catalog{}
	if err := dec.Decode(c); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("load catalog: %w: larger than %d bytes", ErrCatalogFormat, int64(maxCatalogBytes))
		}
		return nil, fmt.Errorf("load catalog: %w: %w", ErrCatalogFormat, err)
	}
	switch {
	case c.Format == 0:
		return nil, fmt.Errorf("load catalog: %w: it names no format", ErrCatalogFormat)
	case c.Format > CatalogFormat:
		return nil, fmt.Errorf("load catalog: %w: its format %d is newer than %d", ErrCatalogFormat, c.Format, CatalogFormat)
	}
	// Reading to the end checks gzip's checksum: a file cut short is found here.
	if _, err := io.Copy(io.Discard, io.MultiReader(dec.Buffered(), limited)); err != nil {
		return nil, fmt.Errorf("load catalog: %w: %w", ErrCatalogFormat, err)
	}
	if c.Sections == nil {
		c.Sections = map[Section]SectionState{}
	}
	return c, nil
}

// SaveFile writes a catalog to a file that is complete or not there, readable
// by its owner only: object names and bodies are nobody else's business.
func SaveFile(name string, c *Catalog) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".catalog-*")
	if err != nil {
		return fmt.Errorf("save catalog: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	err = errors.Join(Save(f, c), f.Sync())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("save catalog: %w", err)
	}
	return nil
}

// LoadFile reads a catalog from a file.
func LoadFile(name string) (*Catalog, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("load catalog: %w", err)
	}
	defer f.Close()
	c, err := Load(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}
