// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a peer sends: a typed fault, nothing else, and nothing large allocated for it. */
class HostileRequestTest {
  private static final RpcTensor TENSOR =
      RpcTensor.builder()
          .id(1)
          .buffer(1)
          .data(4096)
          .shape(TensorShape.contiguous(TensorType.F32, 16, 1, 1, 1))
          .build();

  @Nested
  class GivenACommandOfAnyKind {
    @ParameterizedTest
    @EnumSource(
        mode = EnumSource.Mode.MATCH_NONE,
        names = {"HELLO", "ROUTE_.*"})
    void whenItsLengthIsTooShortOrTooLong_thenItIsRefused(RpcCommand command) {
      for (long length = 0; length < command.requestBytes(); length++) {
        assertThat(fault(head(command, length)))
            .as("%d", length)
            .isEqualTo(ProtocolFault.FRAME_SIZE);
      }
      if (!command.variable()) {
        assertThat(fault(head(command, command.requestBytes() + 1)))
            .isEqualTo(ProtocolFault.FRAME_SIZE);
      }
    }

    @ParameterizedTest
    @EnumSource(
        mode = EnumSource.Mode.MATCH_NONE,
        names = {"HELLO", "ROUTE_.*"})
    void whenItsLengthIsHuge_thenItIsRefusedBeforeAnythingIsRead(RpcCommand command) {
      for (long length : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 62, 1L << 37}) {
        assertThat(fault(head(command, length)))
            .isIn(ProtocolFault.FRAME_TOO_LARGE, ProtocolFault.FRAME_SIZE);
      }
    }

    @ParameterizedTest
    @EnumSource(
        mode = EnumSource.Mode.MATCH_NONE,
        names = {"HELLO", "ROUTE_.*"})
    void whenTheStreamEndsInsideIt_thenItIsTruncated(RpcCommand command) {
      byte[] frame = concat(head(command, command.requestBytes()), new byte[0]);
      byte[] payload = valid(command);
      for (int cut = 1; cut < frame.length + payload.length; cut++) {
        byte[] bytes = Arrays.copyOf(concat(frame, payload), cut);
        assertThat(fault(bytes)).as("cut at %d", cut).isEqualTo(ProtocolFault.TRUNCATED);
      }
    }

    @ParameterizedTest
    @EnumSource(
        mode = EnumSource.Mode.MATCH_NONE,
        names = {"HELLO", "ROUTE_.*"})
    void whenItsBytesAreRandom_thenItIsTakenOrRefusedByAType(RpcCommand command) {
      long seed = System.nanoTime();
      Random random = new Random(seed);
      for (int i = 0; i < 200; i++) {
        int extra = command.variable() ? random.nextInt(700) : 0;
        byte[] payload = new byte[(int) command.requestBytes() + extra];
        random.nextBytes(payload);
        outcome(concat(head(command, payload.length), payload), "seed " + seed);
      }
    }

    @ParameterizedTest
    @EnumSource(
        mode = EnumSource.Mode.MATCH_NONE,
        names = {"HELLO", "ROUTE_.*"})
    void whenOneByteOfAValidOneIsChanged_thenItIsTakenOrRefusedByAType(RpcCommand command) {
      byte[] valid = concat(head(command, command.requestBytes()), valid(command));
      for (int i = 0; i < valid.length; i++) {
        for (int change : new int[] {0x01, 0x80, 0xff}) {
          byte[] changed = valid.clone();
          changed[i] ^= (byte) change;
          outcome(changed, "byte " + i);
        }
      }
    }
  }

  @Nested
  class GivenTheBeginningOfAConnection {
    @ParameterizedTest
    @ValueSource(ints = {23, 24, 100, 127, 128, 255})
    void whenTheCommandIsUnknown_thenItIsRefused(int code) {
      assertThat(faultWithoutHello((byte) code)).isEqualTo(ProtocolFault.UNKNOWN_COMMAND);
      assertThat(fault((byte) code)).isEqualTo(ProtocolFault.UNKNOWN_COMMAND);
    }

    @ParameterizedTest
    @EnumSource(
        mode = EnumSource.Mode.MATCH_NONE,
        names = {"HELLO", "ROUTE_.*"})
    void whenItIsNotHello_thenItIsRefused(RpcCommand command) {
      assertThat(faultWithoutHello(concat(head(command, command.requestBytes()), valid(command))))
          .isEqualTo(ProtocolFault.HELLO_EXPECTED);
    }

    @Test
    void whenHelloComesTwice_thenItIsRefused() {
      assertThat(fault(hello())).isEqualTo(ProtocolFault.HELLO_EXPECTED);
    }

    @Test
    void whenHelloIsEmpty_thenTheClientIsTooOldAndTheMessageSaysSo() {
      RpcProtocolException e = thrown(head(RpcCommand.HELLO, 0));

      assertThat(e.fault()).isEqualTo(ProtocolFault.VERSION_MISMATCH);
      assertThat(e).hasMessageContainingAll("protocol 3 or older", "8.0.0", "Update llama.cpp");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 23, 25, 1000})
    void whenHelloHasAnotherLength_thenItIsRefused(long length) {
      assertThat(faultWithoutHello(head(RpcCommand.HELLO, length)))
          .isEqualTo(ProtocolFault.FRAME_SIZE);
    }
  }

  @Nested
  class GivenARangeInATensor {
    @ParameterizedTest
    @CsvSource({"-1", "65", "9223372036854775807", "-9223372036854775808"})
    void whenTheOffsetIsOutside_thenItIsRefused(long offset) {
      refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.SetTensor(TENSOR, true, offset, 0));
      refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.SetTensorHash(TENSOR, offset, 7));
      refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.GetTensor(TENSOR, offset, 0));
      refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.MemsetTensor(TENSOR, offset, 0, (byte) 1));
      refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.SetTensor2d(TENSOR, offset, 1, 1, 1));
      refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.GetTensor2d(TENSOR, offset, 1, 1, 1));
    }

    @ParameterizedTest
    @CsvSource({"0, 65", "64, 1", "1, 64", "0, -1", "63, 9223372036854775807", "8, -8"})
    void whenTheEndIsOutside_thenItIsRefused(long offset, long size) {
      refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.GetTensor(TENSOR, offset, size));
      refused(
          ProtocolFault.OUT_OF_RANGE, new RpcRequest.MemsetTensor(TENSOR, offset, size, (byte) 1));
      if (size >= 0 && size < 100) {
        refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.SetTensor(TENSOR, false, offset, size));
      }
    }

    @ParameterizedTest
    @CsvSource({
      "0, 1, 1, OUT_OF_RANGE",
      "1, 0, 1, OUT_OF_RANGE",
      "-1, 1, 1, OUT_OF_RANGE",
      "1, -1, 1, OUT_OF_RANGE",
      "1, 1, -1, OUT_OF_RANGE",
      "8, 8, 9, OUT_OF_RANGE",
      "65, 1, 0, OUT_OF_RANGE",
      "4611686018427387904, 4, 0, SIZE_OVERFLOW",
      "1, 4611686018427387904, 4, SIZE_OVERFLOW",
      "1, 2, 9223372036854775807, SIZE_OVERFLOW"
    })
    void whenPiecesLeaveItOrOverflow_thenTheyAreRefused(
        long pieceBytes, long pieces, long stride, ProtocolFault fault) {
      refused(fault, new RpcRequest.GetTensor2d(TENSOR, 0, pieceBytes, pieces, stride));
    }

    @Test
    void whenPiecesOverlap_thenTheyAreTaken() throws IOException {
      assertThat(outcome(new RpcRequest.GetTensor2d(TENSOR, 0, 64, 1000, 0))).isNull();
    }

    @Test
    void whenPiecesAndDataDiffer_thenTheFrameIsRefused() {
      byte[] frame = encode(new RpcRequest.SetTensor2d(TENSOR, 0, 8, 2, 8));
      ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN).putLong(1, 328 + 15);

      assertThat(fault(frame)).isEqualTo(ProtocolFault.FRAME_SIZE);
    }

    @Test
    void whenTheDestinationOfACopyIsSmaller_thenItIsRefused() {
      RpcTensor smaller =
          TENSOR.toBuilder().shape(TensorShape.contiguous(TensorType.F32, 15, 1, 1, 1)).build();

      refused(ProtocolFault.OUT_OF_RANGE, new RpcRequest.CopyTensor(TENSOR, smaller));
    }
  }

  @Nested
  class GivenAGraphOverItsLimit {
    @Test
    void whenItsLengthIsAnnounced_thenItIsRefusedBeforeItArrives() {
      assertThat(fault(head(RpcCommand.GRAPH_COMPUTE, (76L << 20) + 1)))
          .isEqualTo(ProtocolFault.FRAME_TOO_LARGE);
    }

    @Test
    void whenItsBytesNeverCome_thenLittleWasAllocatedForThem() {
      // 76 MiB announced forty times would not fit the heap of the tests if it were taken ahead.
      for (int i = 0; i < 40; i++) {
        assertThat(fault(concat(head(RpcCommand.GRAPH_COMPUTE, 76L << 20), new byte[100])))
            .isEqualTo(ProtocolFault.TRUNCATED);
      }
    }
  }

  @Nested
  class GivenATextWithoutAnEnd {
    @Test
    void whenItIsTheHostOfACommunicator_thenItIsRefused() {
      byte[] payload = new byte[80];
      Arrays.fill(payload, 16, 80, (byte) 'x');

      assertThat(fault(concat(head(RpcCommand.COMM_INIT, 80), payload)))
          .isEqualTo(ProtocolFault.BAD_FIELD);
    }
  }

  private static void refused(ProtocolFault fault, RpcRequest request) {
    assertThat(fault(encode(request))).as("%s", request).isEqualTo(fault);
  }

  private static @Nullable ProtocolFault outcome(RpcRequest request) throws IOException {
    return outcome(encode(request), request.toString());
  }

  /** Reads one request after HELLO; the only thing it may throw is a typed fault. */
  private static @Nullable ProtocolFault outcome(byte[] bytes, String description) {
    try (RpcServerChannel server = open(concat(hello(), bytes))) {
      server.readRequest();
      server.readRequest();
      server.skipData();
      return null;
    } catch (RpcProtocolException e) {
      assertThat(e.getMessage()).as(description).isNotBlank();
      return e.fault();
    } catch (IOException e) {
      throw new AssertionError(description, e);
    }
  }

  private static ProtocolFault fault(byte... bytes) {
    return thrown(concat(hello(), bytes)).fault();
  }

  private static ProtocolFault faultWithoutHello(byte... bytes) {
    return thrown(bytes).fault();
  }

  private static RpcProtocolException thrown(byte[] bytes) {
    return catchThrowableOfType(
        RpcProtocolException.class,
        () -> {
          try (RpcServerChannel server = open(bytes)) {
            while (server.readRequest() != null) {
              server.skipData();
            }
          }
        });
  }

  private static RpcServerChannel open(byte[] bytes) {
    return RpcServerChannel.over(
        ScriptedByteChannel.of(bytes),
        WireLimits.defaults(),
        MessageBudget.unlimited(),
        FrameMeter.NONE);
  }

  /** The smallest valid payload of a command, as a client that knows no better would send it. */
  private static byte[] valid(RpcCommand command) {
    ByteBuffer payload =
        ByteBuffer.allocate((int) command.requestBytes()).order(ByteOrder.LITTLE_ENDIAN);
    switch (command) {
      case SET_TENSOR, SET_TENSOR_HASH, GET_TENSOR, INIT_TENSOR, MEMSET_TENSOR ->
          TENSOR.encode(payload);
      case COPY_TENSOR -> {
        TENSOR.encode(payload);
        TENSOR.encode(payload);
      }
      case SET_TENSOR_2D, GET_TENSOR_2D -> {
        TENSOR.encode(payload);
        payload.putLong(0).putLong(1).putLong(1).putLong(1);
      }
      case GET_ALLOC_SIZE, COMM_ALLREDUCE -> TENSOR.encode(payload.putInt(0));
      default -> {}
    }
    return payload.array();
  }

  private static byte[] encode(RpcRequest request) {
    int fields = (int) request.command().requestBytes();
    ByteBuffer out = ByteBuffer.allocate(9 + fields).order(ByteOrder.LITTLE_ENDIAN);
    out.put((byte) request.command().code()).putLong(fields);
    if (request instanceof RpcRequest.SetTensor set) {
      out.putLong(1, fields + set.dataBytes());
    } else if (request instanceof RpcRequest.SetTensor2d set) {
      out.putLong(1, fields + set.dataBytes());
    }
    request.encode(out);
    return out.array();
  }

  private static byte[] hello() {
    return concat(head(RpcCommand.HELLO, 24), new byte[24]);
  }

  private static byte[] head(RpcCommand command, long length) {
    return ByteBuffer.allocate(9)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put((byte) command.code())
        .putLong(length)
        .array();
  }

  private static byte[] concat(byte[] first, byte[] second) {
    return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
  }
}
