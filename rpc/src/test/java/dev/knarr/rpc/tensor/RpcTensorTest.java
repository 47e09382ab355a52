// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.testkit.CapturedSession;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RpcTensorTest {
  private static final long MAX = 0xffff_ffffL;

  @Nested
  class GivenTheDecodingExampleOfTheProtocolDescription {
    @Test
    void whenItIsDecoded_thenEveryFieldIsAsDescribed() {
      var copies =
          CapturedSession.named("twodev").connections().getLast().messages().stream()
              .filter(message -> message.command().equals("COPY_TENSOR"))
              .toList();

      RpcTensor tensor = RpcTensor.decode(copies.getLast().requestPayload());

      assertThat(copies.getLast().number()).isEqualTo(159);
      assertThat(tensor.id()).isEqualTo(0x562e98e29390L);
      assertThat(tensor.tensorType()).isEqualTo(TensorType.F32);
      assertThat(tensor.buffer()).isEqualTo(0x564c20e018b0L);
      assertThat(tensor.shape()).isEqualTo(new TensorShape(32, 1, 1, 1, 4, 128, 128, 128));
      assertThat(TensorOp.ofCode(tensor.op())).contains(TensorOp.ADD);
      assertThat(tensor.isComputed()).isTrue();
      assertThat(tensor.source(0)).isEqualTo(0x562e98e29220L);
      assertThat(tensor.source(1)).isEqualTo(0x562e98e28980L);
      assertThat(tensor.data()).isEqualTo(0x564c20e632c0L);
      assertThat(tensor.name()).isEqualTo("l_out-2");
      assertThat(tensor.byteSize()).isEqualTo(128);
    }
  }

  @Nested
  class GivenADescriptor {
    @Test
    void whenItIsBuiltFromFields_thenEachReadsBack() {
      RpcTensor tensor =
          RpcTensor.builder()
              .id(-1)
              .type(TensorType.Q4_K)
              .buffer(7)
              .shape(TensorShape.contiguous(TensorType.Q4_K, 512, 3, 1, 1))
              .op(TensorOp.ROPE)
              .opParam(1, 64)
              .opParam(5, 10000f)
              .flags(18)
              .source(9, 5)
              .view(4, 288)
              .data(Long.MIN_VALUE)
              .name("x".repeat(80))
              .useCount(3)
              .build();

      ByteBuffer bytes = ByteBuffer.allocate(RpcTensor.BYTES);
      tensor.encode(bytes);

      RpcTensor copy = RpcTensor.decode(bytes.flip());
      assertThat(copy).isEqualTo(tensor).hasSameHashCodeAs(tensor);
      assertThat(copy.id()).isEqualTo(-1);
      assertThat(copy.opParams().get(1)).isEqualTo(64);
      assertThat(copy.opParams().getFloat(5)).isEqualTo(10000f);
      assertThat(copy.opParams().toArray()).hasSize(16).contains(64);
      assertThat(copy.source(9)).isEqualTo(5);
      assertThat(copy.viewSource()).isEqualTo(4);
      assertThat(copy.viewOffset()).isEqualTo(288);
      assertThat(copy.name()).isEqualTo("x".repeat(63));
      assertThat(copy.useCount()).isEqualTo(3);
      assertThat(copy.byteSize()).isEqualTo(3 * 288);
      assertThat(copy).isNotEqualTo(copy.toBuilder().id(2).build()).hasToString(tensor.toString());
    }

    @Test
    void whenTheNameFillsItsFieldOrIsHostile_thenItIsStillText() {
      byte[] bytes = new byte[RpcTensor.BYTES];
      for (int i = 0; i < RpcTensor.NAME_BYTES; i++) {
        bytes[RpcTensor.NAME + i] = (byte) (i % 2 == 0 ? '\n' : 0x1b);
      }

      RpcTensor tensor = RpcTensor.decode(ByteBuffer.wrap(bytes));

      assertThat(tensor.name()).hasSize(64);
      assertThat(tensor.toString()).matches("[\\x20-\\x7e]*");
    }
  }

  @Nested
  class GivenAShape {
    @Test
    void whenADimensionIsEmpty_thenTheSizeIsZeroWhateverTheStrides() {
      assertThat(sized(TensorType.F32, new TensorShape(0, MAX, MAX, MAX, MAX, MAX, MAX, MAX)))
          .isZero();
    }

    @Test
    void whenADimensionHasOneElement_thenItsStrideDoesNotCount() {
      assertThat(sized(TensorType.F16, new TensorShape(4, 1, 1, 1, 2, MAX, MAX, MAX))).isEqualTo(8);
    }

    @Test
    void whenRowsHaveGaps_thenTheSpanIsCounted() {
      assertThat(sized(TensorType.I32, new TensorShape(2, 40, 1, 1, 4, 32, 1280, 1280)))
          .isEqualTo(1256);
    }

    @Test
    void whenNumbersAreRandom_thenTheSizeEqualsTheFormulaOrOverflows() {
      long seed = System.nanoTime();
      Random random = new Random(seed);
      for (int i = 0; i < 600; i++) {
        for (TensorType type : TensorType.values()) {
          compare(type, randomShape(random), seed);
        }
      }
    }

    private static void compare(TensorType type, TensorShape shape, long seed) {
      BigInteger expected = formula(type, shape);
      boolean rowFits =
          shape.empty()
              || type.blockElements() == 1
              || product(shape.ne0(), shape.nb0()).bitLength() <= 63;
      if (rowFits && expected.bitLength() <= 63) {
        assertThat(sized(type, shape)).as("seed %d", seed).isEqualTo(expected.longValue());
      } else {
        assertThat(fault(() -> sized(type, shape)))
            .as("seed %d", seed)
            .isEqualTo(ProtocolFault.SIZE_OVERFLOW);
      }
    }

    private static TensorShape randomShape(Random random) {
      long[] n = new long[8];
      for (int k = 0; k < 8; k++) {
        n[k] = random.nextLong(MAX + 1) >>> random.nextInt(33);
      }
      return new TensorShape(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]);
    }

    private static BigInteger formula(TensorType type, TensorShape s) {
      if (s.empty()) {
        return BigInteger.ZERO;
      }
      BigInteger size =
          type.blockElements() == 1
              ? product(s.ne0() - 1, s.nb0()).add(BigInteger.valueOf(type.blockBytes()))
              : product(s.ne0(), s.nb0()).divide(BigInteger.valueOf(type.blockElements()));
      for (int i = 1; i < 4; i++) {
        size = size.add(product(s.ne(i) - 1, s.nb(i)));
      }
      return size;
    }

    private static BigInteger product(long a, long b) {
      return BigInteger.valueOf(a).multiply(BigInteger.valueOf(b));
    }

    private static long sized(TensorType type, TensorShape shape) {
      return RpcTensor.builder().id(1).type(type).shape(shape).build().byteSize();
    }
  }

  @Nested
  class GivenATypeThatDoesNotExist {
    @ParameterizedTest
    @ValueSource(ints = {4, 5, 31, 32, 33, 36, 37, 38, 43, 63, 64, 1000, -1, Integer.MIN_VALUE})
    void whenTheSizeIsAsked_thenItIsRefused(int type) {
      RpcTensor tensor = RpcTensor.builder().id(1).type(type).build();

      assertThat(fault(tensor::byteSize)).isEqualTo(ProtocolFault.BAD_TENSOR_TYPE);
      assertThat(fault(tensor::tensorType)).isEqualTo(ProtocolFault.BAD_TENSOR_TYPE);
    }
  }

  @Nested
  class GivenARange {
    private final RpcTensor tensor =
        RpcTensor.builder().shape(TensorShape.contiguous(TensorType.F32, 8, 1, 1, 1)).build();

    @Test
    void whenItLiesInside_thenItIsTaken() {
      tensor.requireRange(0, 32);
      tensor.requireRange(32, 0);
    }

    @Test
    void whenItLeavesTheTensor_thenItIsRefused() {
      long[][] ranges = {
        {0, 33}, {33, 0}, {1, 32}, {-1, 1}, {0, -1}, {Long.MAX_VALUE, Long.MAX_VALUE}, {16, -16}
      };
      for (long[] range : ranges) {
        assertThat(fault(() -> tensor.requireRange(range[0], range[1])))
            .isEqualTo(ProtocolFault.OUT_OF_RANGE);
      }
    }
  }

  @Nested
  class GivenTheTables {
    @Test
    void whenTypesAreListed_thenTheyAreThe35OfProtocol8() {
      assertThat(TensorType.values()).hasSize(35);
      assertThat(TensorType.ofCode(42)).contains(TensorType.Q2_0);
      assertThat(TensorType.Q8_0.rowBytes(4096)).isEqualTo(4096 / 32 * 34);
    }

    @Test
    void whenOperationsAreListed_thenNumbersAreTheirPlaces() {
      assertThat(TensorOp.count()).isEqualTo(101);
      for (int i = 0; i < 101; i++) {
        assertThat(TensorOp.ofCode(i)).map(TensorOp::code).contains(i);
      }
      assertThat(TensorOp.ofCode(101)).isEmpty();
      assertThat(TensorOp.ofCode(-1)).isEmpty();
      assertThat(TensorOp.GLU.code()).isEqualTo(100);
    }
  }

  @Nested
  class GivenARequestWithADescriptor {
    @Test
    void whenItIsCopied_thenTheCopyIsIndependentOfTheBuffer() {
      ByteBuffer bytes = ByteBuffer.allocate(RpcTensor.BYTES);
      RpcTensor.builder().id(5).build().encode(bytes);
      var request = new RpcRequest.InitTensor(RpcTensor.decode(bytes.flip()));

      bytes.putLong(0, 6);

      assertThat(request.tensor().id()).isEqualTo(5);
    }
  }

  private static ProtocolFault fault(Runnable call) {
    return catchThrowableOfType(RpcProtocolException.class, call::run).fault();
  }
}
