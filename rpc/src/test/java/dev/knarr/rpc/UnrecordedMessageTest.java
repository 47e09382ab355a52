// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What no recording contains: fields are compared with the layout of the protocol description. */
class UnrecordedMessageTest {
  private static final RpcTensor TENSOR =
      RpcTensor.builder()
          .id(1)
          .buffer(2)
          .data(64)
          .shape(TensorShape.contiguous(TensorType.F32, 16, 1, 1, 1))
          .build();

  @Nested
  class GivenMemsetTensor {
    @Test
    void whenItIsEncoded_thenTheFieldsLieWhereTheyAreDescribed() {
      var request = new RpcRequest.MemsetTensor(TENSOR, 8, 32, (byte) 0xa5);
      ByteBuffer bytes = ByteBuffer.allocate(313).order(ByteOrder.LITTLE_ENDIAN);

      request.encode(bytes);

      assertThat(bytes.hasRemaining()).isFalse();
      assertThat(bytes.getLong(296)).isEqualTo(8);
      assertThat(bytes.getLong(304)).isEqualTo(32);
      assertThat(bytes.get(312)).isEqualTo((byte) 0xa5);
      assertThat(RpcRequest.decode(RpcCommand.MEMSET_TENSOR, bytes.flip(), 313)).isEqualTo(request);
    }
  }

  @Nested
  class GivenAnAbsurdSize {
    @Test
    void whenABufferIsAskedFor_thenItIsDecodedSinceTheProtocolAnswersIt() {
      ByteBuffer bytes = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN).putLong(4, -1);

      assertThat(RpcRequest.decode(RpcCommand.ALLOC_BUFFER, bytes, 12))
          .isEqualTo(new RpcRequest.AllocBuffer(0, -1));
    }
  }

  @Nested
  class GivenACommunicator {
    @Test
    void whenTheHostFillsItsField_thenItIsKeptAndALongerOneIsRefused() {
      String host = "h".repeat(63);
      ByteBuffer bytes = ByteBuffer.allocate(80).order(ByteOrder.LITTLE_ENDIAN);

      new RpcRequest.CommInit(1, 1, 2, 51052, host).encode(bytes);

      assertThat(RpcRequest.decode(RpcCommand.COMM_INIT, bytes.flip(), 80))
          .isEqualTo(new RpcRequest.CommInit(1, 1, 2, 51052, host));
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> new RpcRequest.CommInit(1, 1, 2, 51052, host + "h").encode(bytes.clear()));
    }
  }

  @Nested
  class GivenTooFewOperands {
    @Test
    void whenAnAllocSizeIsAsked_thenTheRecordRefuses() {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new RpcRequest.GetAllocSize(0, TENSOR, List.of(TENSOR)));
    }
  }
}
