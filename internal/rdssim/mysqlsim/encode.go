package mysqlsim

import (
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

var fieldTypes = map[string]uint8{
	"TINYINT": mysql.MYSQL_TYPE_LONGLONG, "SMALLINT": mysql.MYSQL_TYPE_LONGLONG, "MEDIUMINT": mysql.MYSQL_TYPE_LONGLONG,
	"INT": mysql.MYSQL_TYPE_LONGLONG, "BIGINT": mysql.MYSQL_TYPE_LONGLONG, "DECIMAL": mysql.MYSQL_TYPE_NEWDECIMAL,
	"FLOAT": mysql.MYSQL_TYPE_DOUBLE, "DOUBLE": mysql.MYSQL_TYPE_DOUBLE, "DATETIME": mysql.MYSQL_TYPE_DATETIME,
	"TIMESTAMP": mysql.MYSQL_TYPE_TIMESTAMP, "DATE": mysql.MYSQL_TYPE_DATE, "TIME": mysql.MYSQL_TYPE_TIME,
	"BLOB": mysql.MYSQL_TYPE_BLOB, "LONGBLOB": mysql.MYSQL_TYPE_BLOB, "MEDIUMBLOB": mysql.MYSQL_TYPE_BLOB,
	"BINARY": mysql.MYSQL_TYPE_STRING, "VARBINARY": mysql.MYSQL_TYPE_VAR_STRING,
}

// Collations of the protocol's column definitions.
const (
	charsetBinary  = 63
	charsetUTF8MB4 = 45
)

// field describes a column to the client. In the binary protocol everything is
// sent as text, which every client converts.
func field(c Column, binary bool) *mysql.Field {
	kind := strings.ToUpper(c.Type)
	unsigned := strings.HasPrefix(kind, "UNSIGNED ")
	kind = strings.TrimPrefix(kind, "UNSIGNED ")
	f := &mysql.Field{Name: []byte(c.Name), OrgName: []byte(c.Name), Type: mysql.MYSQL_TYPE_VAR_STRING, Charset: charsetUTF8MB4, ColumnLength: 1 << 16}
	if t, ok := fieldTypes[kind]; ok && !binary {
		f.Type, f.Charset = t, charsetBinary
		if unsigned {
			f.Flag |= mysql.UNSIGNED_FLAG
		}
	}
	return f
}

// encode turns rows into a result of the text or the binary protocol.
func encode(r *rows, binary bool) *mysql.Result {
	if r == nil {
		return mysql.NewResultReserveResultset(0)
	}
	set := mysql.NewResultset(len(r.columns))
	for i, c := range r.columns {
		set.Fields[i] = field(c, binary)
	}
	for _, cells := range r.cells {
		if binary {
			set.RowDatas = append(set.RowDatas, binaryRow(cells))
		} else {
			set.RowDatas = append(set.RowDatas, textRow(cells))
		}
	}
	return mysql.NewResult(set)
}

const nullCell = 0xfb

func textRow(cells []*string) []byte {
	var row []byte
	for _, c := range cells {
		if c == nil {
			row = append(row, nullCell)
		} else {
			row = append(row, mysql.PutLengthEncodedString([]byte(*c))...)
		}
	}
	return row
}

// binaryRow: a zero byte, the bitmap of NULLs (whose first two bits are unused),
// the values.
func binaryRow(cells []*string) []byte {
	row := make([]byte, 1+(len(cells)+9)/8)
	for i, c := range cells {
		if c == nil {
			row[1+(i+2)/8] |= 1 << ((i + 2) % 8)
		} else {
			row = append(row, mysql.PutLengthEncodedString([]byte(*c))...)
		}
	}
	return row
}
