// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.BAD_TENSOR_TYPE;
import static dev.knarr.rpc.ProtocolFault.OUT_OF_RANGE;
import static dev.knarr.rpc.ProtocolFault.SIZE_OVERFLOW;
import static dev.knarr.rpc.ProtocolFault.UNSUPPORTED_OP;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.rpc.tensor.TensorType.Q4_0;
import static dev.knarr.worker.check.Draft.data;
import static dev.knarr.worker.check.Draft.result;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class OperationCheckTest {
  static Stream<Case> accepted() {
    return all().filter(it -> it.fault() == null);
  }

  static Stream<Case> refused() {
    return all().filter(it -> it.fault() != null);
  }

  private static Stream<Case> all() {
    return Stream.<Supplier<Stream<Case>>>of(
            ShapeCases::all,
            ElementwiseCases::all,
            ReductionCases::all,
            MatrixCases::all,
            RowCases::all,
            ConvolutionCases::all,
            ImageCases::all,
            AttentionCases::all,
            StateSpaceCases::all)
        .flatMap(Supplier::get);
  }

  @Nested
  class GivenAnOperation {
    @ParameterizedTest(name = "{0}")
    @MethodSource("dev.knarr.worker.check.OperationCheckTest#accepted")
    void whenItsKernelsCanStandIt_thenItIsAccepted(Case it) {
      assertThatCode(() -> OperationCheck.check(it.result(), it.sources()))
          .doesNotThrowAnyException();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("dev.knarr.worker.check.OperationCheckTest#refused")
    void whenItsKernelsCannotStandIt_thenItIsRefusedByName(Case it) {
      assertThatThrownBy(() -> OperationCheck.check(it.result(), it.sources()))
          .as(it.toString())
          .hasMessageContaining(it.op().name())
          .hasMessageContaining("probe")
          .isInstanceOfSatisfying(
              RpcProtocolException.class, e -> assertThat(e.fault()).isEqualTo(it.fault()));
    }

    @ParameterizedTest
    @EnumSource(
        value = TensorOp.class,
        names = {"MAP_CUSTOM1", "MAP_CUSTOM2", "MAP_CUSTOM3", "CUSTOM"})
    void whenItsParametersAreFunctions_thenItIsRefused(TensorOp op) {
      assertRefused(UNSUPPORTED_OP, result(op, F32, 4), data(F32, 4));
    }

    @Test
    void whenTheTableOfCasesIsRead_thenNoOperationIsMissing() {
      Set<TensorOp> wanted = EnumSet.allOf(TensorOp.class);
      wanted.removeIf(TensorOp::hostFunction);
      Set<TensorOp> refusable = EnumSet.copyOf(wanted);
      refusable.remove(TensorOp.NONE);
      wanted.remove(TensorOp.FLASH_ATTN_BACK);

      assertThat(accepted().map(Case::op).collect(Collectors.toSet())).isEqualTo(wanted);
      assertThat(refused().map(Case::op).collect(Collectors.toSet())).isEqualTo(refusable);
    }
  }

  @Nested
  class GivenAnyOperand {
    @Test
    void whenItsTypeWasRemoved_thenItIsRefused() {
      assertRefused(BAD_TENSOR_TYPE, result(TensorOp.SQR, F32, 4), data(F32, 4).rawType(31));
    }

    @Test
    void whenARowIsNoWholeBlock_thenItIsRefused() {
      Draft half = data(F32, 16).rawType(Q4_0.code()).strides(18, 18, 18, 18);

      assertRefused(BAD_SHAPE, result(TensorOp.CPY, F32, 16), half, data(F32, 16));
    }

    @Test
    void whenItsSizeLeaves63Bits_thenItIsRefused() {
      long most = 0xffff_ffffL;
      Draft huge = data(F32, 1).extents(most, most, most, most).strides(4, most, most, most);

      assertRefused(SIZE_OVERFLOW, result(TensorOp.SQR, F32, 4), huge);
    }

    @Test
    void whenItHasMoreRowsThanAnIntCounts_thenItIsRefused() {
      Draft tall = data(F32, 1).extents(1, 65536, 65536, 1).strides(4, 4, 262144, 4);

      assertRefused(BAD_SHAPE, result(TensorOp.SUM, F32, 1), tall);
    }

    @Test
    void whenAFewBytesStandForTooManyElements_thenItIsRefused() {
      Draft endless = data(F32, 1).extents(4, 65536, 1, 1).strides(4, 0, 0, 0);

      assertRefused(BAD_SHAPE, result(TensorOp.SUM, F32, 1), endless);
    }

    @Test
    void whenItsAddressIsBetweenElements_thenItIsRefused() {
      assertRefused(OUT_OF_RANGE, result(TensorOp.SQR, F32, 4), data(F32, 4).at(4098));
    }

    @Test
    void whenAStrideIsBetweenElements_thenItIsRefused() {
      assertRefused(
          BAD_SHAPE, result(TensorOp.SQR, F32, 4, 2), data(F32, 4, 2).strides(4, 18, 36, 36));
    }

    @Test
    void whenTheNameHoldsControlCharacters_thenTheMessageDoesNot() {
      RpcTensor node = result(TensorOp.SQR, F32, 4).name("a\n\u001b[31mb").build();

      assertThatThrownBy(() -> OperationCheck.check(node, List.of()))
          .hasMessage("SQR node 'a??[31mb': operand 0 is missing");
    }
  }

  private static void assertRefused(ProtocolFault fault, Draft result, Draft... sources) {
    List<RpcTensor> operands = Arrays.stream(sources).map(Draft::build).toList();
    assertThatThrownBy(() -> OperationCheck.check(result.build(), operands))
        .isInstanceOfSatisfying(
            RpcProtocolException.class, e -> assertThat(e.fault()).isEqualTo(fault));
  }
}
