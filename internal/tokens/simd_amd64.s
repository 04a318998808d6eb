#include "textflag.h"

// A class of consecutive byte values is found by moving its first value to the lowest and comparing once.
// AVX-512 compares unsigned bytes; AVX2 compares signed ones only, so there the lowest value is -128.

DATA consts<>+0x00(SB)/8, $0x0d0a272f20306141 // 'A' 'a' '0' ' ' '/' '\'' '\n' '\r'
GLOBL consts<>(SB), RODATA|NOPTR, $8

DATA counts<>+0x00(SB)/8, $0x0000000000050a1a // 26 letters, 10 digits, 5 controls that are space
GLOBL counts<>(SB), RODATA|NOPTR, $8

#define BYTE512(base, at, reg) VPBROADCASTB base<>+at(SB), reg
#define MASK512(k, field) \
	KMOVQ k, AX       \
	MOVQ  AX, field(DI)

// func classifyAVX512(s string, m *masks)
TEXT ·classifyAVX512(SB), NOSPLIT, $0-24
	MOVQ      s_base+0(FP), SI
	MOVQ      m+16(FP), DI
	VMOVDQU64 (SI), Z0
	BYTE512(consts, 0, Z1)
	BYTE512(consts, 1, Z2)
	BYTE512(consts, 2, Z3)
	BYTE512(consts, 3, Z4)
	BYTE512(consts, 4, Z5)
	BYTE512(consts, 5, Z6)
	BYTE512(consts, 6, Z7)
	BYTE512(consts, 7, Z8)
	BYTE512(counts, 0, Z9)
	BYTE512(counts, 1, Z10)
	BYTE512(counts, 2, Z11)
	VPSUBB    Z1, Z0, Z12
	VPSUBB    Z2, Z0, Z13
	VPSUBB    Z3, Z0, Z14
	VPCMPUB   $1, Z9, Z12, K1
	VPCMPUB   $1, Z9, Z13, K2
	VPCMPUB   $1, Z10, Z14, K3
	VPCMPEQB  Z4, Z0, K4
	MASK512(K1, 0)
	MASK512(K2, 8)
	MASK512(K3, 16)
	MASK512(K4, 40)
	MOVQ      AX, BX
	VPCMPEQB  Z5, Z0, K5
	VPCMPEQB  Z6, Z0, K6
	MASK512(K5, 48)
	MASK512(K6, 56)
	VPCMPEQB  Z7, Z0, K1
	VPCMPEQB  Z8, Z0, K2
	KORQ      K1, K2, K1
	MASK512(K1, 32)
	VPTERNLOGD $0xff, Z15, Z15, Z15
	VPSUBB    Z7, Z0, Z1
	VPSUBB    Z15, Z1, Z1 // b - 10 + 1 = b - 9
	VPCMPUB   $1, Z11, Z1, K3
	KMOVQ     K3, AX
	ORQ       BX, AX
	MOVQ      AX, 24(DI)
	VPMOVB2M  Z0, K4
	MASK512(K4, 64)
	VZEROUPPER
	RET

#define JOIN(field)     \
	SHLQ $32, BX        \
	ORQ  BX, AX         \
	MOVQ AX, field(DI)

// Bytes equal to the one in reg, of both halves, to AX.
#define EQUAL(reg, field)         \
	VPCMPEQB  reg, Y0, Y12    \
	VPCMPEQB  reg, Y1, Y13    \
	VPMOVMSKB Y12, AX         \
	VPMOVMSKB Y13, BX         \
	JOIN(field)

// func classifyAVX2(s string, m *masks)
TEXT ·classifyAVX2(SB), NOSPLIT, $0-24
	MOVQ    s_base+0(FP), SI
	MOVQ    m+16(FP), DI
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPBROADCASTB ranges<>+0(SB), Y2
	VPBROADCASTB ranges<>+1(SB), Y3
	VPBROADCASTB ranges<>+2(SB), Y4
	VPBROADCASTB ranges<>+3(SB), Y5
	VPBROADCASTB ranges<>+4(SB), Y6
	VPBROADCASTB ranges<>+5(SB), Y7
	VPBROADCASTB ranges<>+6(SB), Y8

	// upper: b + (0x80 - 'A') < -128 + 26
	VPADDB    Y2, Y0, Y10
	VPADDB    Y2, Y1, Y11
	VPCMPGTB  Y10, Y6, Y12
	VPCMPGTB  Y11, Y6, Y13
	VPMOVMSKB Y12, AX
	VPMOVMSKB Y13, BX
	JOIN(0)

	VPADDB    Y3, Y0, Y10
	VPADDB    Y3, Y1, Y11
	VPCMPGTB  Y10, Y6, Y12
	VPCMPGTB  Y11, Y6, Y13
	VPMOVMSKB Y12, AX
	VPMOVMSKB Y13, BX
	JOIN(8)

	VPADDB    Y4, Y0, Y10
	VPADDB    Y4, Y1, Y11
	VPCMPGTB  Y10, Y7, Y12
	VPCMPGTB  Y11, Y7, Y13
	VPMOVMSKB Y12, AX
	VPMOVMSKB Y13, BX
	JOIN(16)

	VPBROADCASTB consts<>+3(SB), Y9
	EQUAL(Y9, 40)
	MOVQ      AX, CX
	VPADDB    Y5, Y0, Y10
	VPADDB    Y5, Y1, Y11
	VPCMPGTB  Y10, Y8, Y12
	VPCMPGTB  Y11, Y8, Y13
	VPMOVMSKB Y12, AX
	VPMOVMSKB Y13, BX
	SHLQ      $32, BX
	ORQ       BX, AX
	ORQ       CX, AX
	MOVQ      AX, 24(DI)

	VPBROADCASTB consts<>+4(SB), Y9
	EQUAL(Y9, 48)
	VPBROADCASTB consts<>+5(SB), Y9
	EQUAL(Y9, 56)
	VPBROADCASTB consts<>+6(SB), Y9
	EQUAL(Y9, 32)
	MOVQ      AX, CX
	VPBROADCASTB consts<>+7(SB), Y9
	EQUAL(Y9, 32)
	ORQ       CX, AX
	MOVQ      AX, 32(DI)

	VPMOVMSKB Y0, AX
	VPMOVMSKB Y1, BX
	JOIN(64)
	VZEROUPPER
	RET

// What to add so that 'A', 'a', '0' and '\t' become -128; -128 plus 26, 10 and 5.
DATA ranges<>+0x00(SB)/8, $0x00858a9a77501f3f
GLOBL ranges<>(SB), RODATA|NOPTR, $8

// func prefetchEach(base, at unsafe.Pointer, n int, stride uintptr)
TEXT ·prefetchEach(SB), NOSPLIT, $0-32
	MOVQ base+0(FP), SI
	MOVQ at+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ stride+24(FP), DX

next:
	MOVQ        (DI), AX
	PREFETCHT0  (SI)(AX*1)
	ADDQ        DX, DI
	DECQ        CX
	JNZ         next
	RET

// func lowestAVX2(values *[mergeRoom]uint32, groups int) int
TEXT ·lowestAVX2(SB), NOSPLIT, $0-24
	MOVQ     values+0(FP), SI
	MOVQ     groups+8(FP), CX
	MOVQ     SI, DI
	VMOVDQU  (SI), Y0

smaller:
	VPMINUD (DI), Y0, Y0
	ADDQ    $32, DI
	DECQ    CX
	JNZ     smaller
	VEXTRACTI128 $1, Y0, X1
	VPMINUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMINUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMINUD X1, X0, X0
	VPBROADCASTD X0, Y0
	MOVQ    SI, DI

equal:
	VPCMPEQD  (DI), Y0, Y1
	VMOVMSKPS Y1, AX
	ADDQ      $32, DI
	TESTL     AX, AX
	JZ        equal
	BSFL      AX, AX
	SUBQ      SI, DI
	SHRQ      $2, DI
	LEAQ      -8(DI)(AX*1), AX
	MOVQ      AX, ret+16(FP)
	VZEROUPPER
	RET

// func lowestEachAVX2(lanes, active, lowest unsafe.Pointer, n, groups int)
TEXT ·lowestEachAVX2(SB), NOSPLIT, $0-40
	MOVQ lanes+0(FP), SI
	MOVQ active+8(FP), DI
	MOVQ lowest+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ groups+32(FP), R8
	ADDQ $4, SI // the pairs from 1 on
	CMPQ R8, $4
	JA   seven
	CMPQ R8, $2
	JA   four

two:
	MOVL    (DI), AX
	VMOVDQU (SI)(AX*1), Y0
	VPMINUD 32(SI)(AX*1), Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMINUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMINUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMINUD X1, X0, X0
	VMOVD   X0, (DX)
	ADDQ    $4, DI
	ADDQ    $4, DX
	DECQ    CX
	JNZ     two
	VZEROUPPER
	RET

four:
	MOVL    (DI), AX
	VMOVDQU (SI)(AX*1), Y0
	VMOVDQU 32(SI)(AX*1), Y1
	VPMINUD 64(SI)(AX*1), Y0, Y0
	VPMINUD 96(SI)(AX*1), Y1, Y1
	VPMINUD Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMINUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMINUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMINUD X1, X0, X0
	VMOVD   X0, (DX)
	ADDQ    $4, DI
	ADDQ    $4, DX
	DECQ    CX
	JNZ     four
	VZEROUPPER
	RET

seven:
	MOVL    (DI), AX
	VMOVDQU (SI)(AX*1), Y0
	VMOVDQU 32(SI)(AX*1), Y1
	VPMINUD 64(SI)(AX*1), Y0, Y0
	VPMINUD 96(SI)(AX*1), Y1, Y1
	VPMINUD 128(SI)(AX*1), Y0, Y0
	VPMINUD 160(SI)(AX*1), Y1, Y1
	VPMINUD 192(SI)(AX*1), Y0, Y0
	VPMINUD Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPMINUD X1, X0, X0
	VPSHUFD $0x4e, X0, X1
	VPMINUD X1, X0, X0
	VPSHUFD $0xb1, X0, X1
	VPMINUD X1, X0, X0
	VMOVD   X0, (DX)
	ADDQ    $4, DI
	ADDQ    $4, DX
	DECQ    CX
	JNZ     seven
	VZEROUPPER
	RET
