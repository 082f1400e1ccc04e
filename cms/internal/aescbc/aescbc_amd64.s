//go:build amd64 && !purego

#include "textflag.h"

// func subWord(w uint32) uint32
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVL w+0(FP), X0
	PSHUFD $0, X0, X0
	AESKEYGENASSIST $0, X0, X1 // its lowest word is SubWord of the second of X0
	MOVL X1, ret+8(FP)
	RET

// func encryptBlocks(schedule *[60]uint32, last *[16]byte, dst, src *byte, blocks int)
//
// X0 is the block, X1 to X13 the round keys 1 to 13; the first and the last round
// key are loaded when needed, off the chain of dependent instructions.
TEXT ·encryptBlocks(SB), NOSPLIT, $0-40
	MOVQ schedule+0(FP), AX
	MOVQ last+8(FP), BX
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ blocks+32(FP), CX
	MOVUPS 16(AX), X1
	MOVUPS 32(AX), X2
	MOVUPS 48(AX), X3
	MOVUPS 64(AX), X4
	MOVUPS 80(AX), X5
	MOVUPS 96(AX), X6
	MOVUPS 112(AX), X7
	MOVUPS 128(AX), X8
	MOVUPS 144(AX), X9
	MOVUPS 160(AX), X10
	MOVUPS 176(AX), X11
	MOVUPS 192(AX), X12
	MOVUPS 208(AX), X13
	MOVUPS (BX), X0

loop:
	MOVUPS (SI), X15
	MOVUPS (AX), X14
	PXOR X14, X15
	PXOR X15, X0
	MOVUPS 224(AX), X14
	AESENC X1, X0
	AESENC X2, X0
	AESENC X3, X0
	AESENC X4, X0
	AESENC X5, X0
	AESENC X6, X0
	AESENC X7, X0
	AESENC X8, X0
	AESENC X9, X0
	AESENC X10, X0
	AESENC X11, X0
	AESENC X12, X0
	AESENC X13, X0
	AESENCLAST X14, X0
	MOVUPS X0, (DI)
	ADDQ $16, SI
	ADDQ $16, DI
	DECQ CX
	JNZ loop

	MOVUPS X0, (BX)
	RET
