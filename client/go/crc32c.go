package lakeport

const (
	// castagnoliBits is the polynomial of CRC32C without its highest term, with reversed bits.
	castagnoliBits = 0x82f63b78
	// one and xToThe8 are the polynomials 1 and x⁸, with reversed bits.
	one     = 1 << 31
	xToThe8 = 1 << (31 - 8)
)

// combineCRC32C returns the CRC32C of two sequences of bytes, one after the other, from the checksums of both and the length
// of the second. To append a byte multiplies the polynomial of the first sequence by x⁸.
func combineCRC32C(first, second uint32, length int64) uint32 {
	shift, power := uint32(one), uint32(xToThe8)
	for ; length > 0; length >>= 1 {
		if length&1 == 1 {
			shift = multiply(shift, power)
		}
		power = multiply(power, power)
	}
	return multiply(shift, first) ^ second
}

// multiply returns the product of two polynomials, modulo that of CRC32C.
func multiply(a, b uint32) uint32 {
	product := uint32(0)
	for bit := uint32(one); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry == 1 {
			b ^= castagnoliBits
		}
	}
	return product
}
