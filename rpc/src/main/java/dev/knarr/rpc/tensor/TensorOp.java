// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import java.util.Optional;

/**
 * The 101 operations of protocol 8.0 in the order of their numbers, from ggml 0.27. Immutable; any
 * thread.
 */
public enum TensorOp {
  NONE(0),
  DUP(1),
  ADD(2),
  ADD_ID(3),
  ADD1(4),
  ACC(5),
  SUB(6),
  MUL(7),
  DIV(8),
  SQR(9),
  SQRT(10),
  LOG(11),
  SIN(12),
  COS(13),
  SUM(14),
  SUM_ROWS(15),
  CUMSUM(16),
  MEAN(17),
  ARGMAX(18),
  COUNT_EQUAL(19),
  REPEAT(20),
  REPEAT_BACK(21),
  CONCAT(22),
  SILU_BACK(23),
  NORM(24),
  RMS_NORM(25),
  RMS_NORM_BACK(26),
  GROUP_NORM(27),
  L2_NORM(28),
  MUL_MAT(29),
  MUL_MAT_ID(30),
  OUT_PROD(31),
  SCALE(32),
  SET(33),
  CPY(34),
  CONT(35),
  RESHAPE(36),
  VIEW(37),
  PERMUTE(38),
  TRANSPOSE(39),
  GET_ROWS(40),
  GET_ROWS_BACK(41),
  SET_ROWS(42),
  DIAG(43),
  DIAG_MASK_INF(44),
  DIAG_MASK_ZERO(45),
  SOFT_MAX(46),
  SOFT_MAX_BACK(47),
  ROPE(48),
  ROPE_BACK(49),
  CLAMP(50),
  CONV_TRANSPOSE_1D(51),
  IM2COL(52),
  IM2COL_BACK(53),
  IM2COL_3D(54),
  COL2IM_1D(55),
  CONV_2D(56),
  CONV_3D(57),
  CONV_2D_DW(58),
  CONV_TRANSPOSE_2D(59),
  POOL_1D(60),
  POOL_2D(61),
  POOL_2D_BACK(62),
  UPSCALE(63),
  PAD(64),
  PAD_REFLECT_1D(65),
  ROLL(66),
  ARANGE(67),
  TIMESTEP_EMBEDDING(68),
  ARGSORT(69),
  TOP_K(70),
  LEAKY_RELU(71),
  TRI(72),
  FILL(73),
  FLASH_ATTN_EXT(74),
  FLASH_ATTN_BACK(75),
  SSM_CONV(76),
  SSM_SCAN(77),
  WIN_PART(78),
  WIN_UNPART(79),
  GET_REL_POS(80),
  ADD_REL_POS(81),
  RWKV_WKV6(82),
  GATED_LINEAR_ATTN(83),
  RWKV_WKV7(84),
  SOLVE_TRI(85),
  GATED_DELTA_NET(86),
  LIGHTNING_INDEXER(87),
  DSV4_HC_COMB(88),
  DSV4_HC_PRE(89),
  DSV4_HC_POST(90),
  UNARY(91),
  MAP_CUSTOM1(92),
  MAP_CUSTOM2(93),
  MAP_CUSTOM3(94),
  CUSTOM(95),
  CROSS_ENTROPY_LOSS(96),
  CROSS_ENTROPY_LOSS_BACK(97),
  OPT_STEP_ADAMW(98),
  OPT_STEP_SGD(99),
  GLU(100);

  private static final TensorOp[] BY_CODE = values();

  private final int code;

  TensorOp(int code) {
    this.code = code;
  }

  /** Operations in the table; from this number on a code is refused. */
  public static int count() {
    return BY_CODE.length;
  }

  /** The operation with this number, or empty when the table has none. */
  public static Optional<TensorOp> ofCode(int code) {
    return code >= 0 && code < BY_CODE.length ? Optional.of(BY_CODE[code]) : Optional.empty();
  }

  /** The number on the wire. */
  public int code() {
    return code;
  }

  /** Whether address and strides already describe the result, so that nothing is computed. */
  public boolean noOperation() {
    return switch (this) {
      case NONE, RESHAPE, VIEW, PERMUTE, TRANSPOSE -> true;
      default -> false;
    };
  }

  /**
   * Whether its parameters are addresses of functions of the sending process; never valid on the
   * wire.
   */
  public boolean hostFunction() {
    return switch (this) {
      case MAP_CUSTOM1, MAP_CUSTOM2, MAP_CUSTOM3, CUSTOM -> true;
      default -> false;
    };
  }
}
