// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.testkit.CapturedSession;
import dev.knarr.testkit.CapturedSession.Message;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class CapturedMessageTest {
  private static final List<Message> MESSAGES = CapturedSession.allMessages();

  @Nested
  class GivenEveryRecordedRequest {
    @Test
    void whenItIsDecodedAndEncoded_thenTheBytesAreTheSame() {
      for (Message message : MESSAGES) {
        RpcRequest request = decode(message);

        assertThat(frame(request, message)).as("%s", message).isEqualTo(message.requestFrame());
        assertThat(RpcRequest.decode(request.command(), payload(message), request.payloadBytes()))
            .as("%s", message)
            .isEqualTo(request)
            .hasSameHashCodeAs(request);
      }
    }

    @Test
    void whenItIsDecoded_thenTheFieldsAreThoseOfTheIndex() {
      MESSAGES.forEach(message -> compareRequest(decode(message), message));
    }

    @Test
    void whenTheyAreCounted_thenEveryCommandOfStockClientsIsThere() {
      Set<RpcCommand> seen = EnumSet.noneOf(RpcCommand.class);

      MESSAGES.forEach(message -> seen.add(decode(message).command()));

      assertThat(seen)
          .as("stock clients send MEMSET_TENSOR for models with compressed caches only")
          .isEqualTo(
              EnumSet.allOf(RpcCommand.class).stream()
                  .filter(command -> !command.routed() && command != RpcCommand.MEMSET_TENSOR)
                  .collect(Collectors.toSet()));
    }

    private static ByteBuffer payload(Message message) {
      return message.requestPayload();
    }

    private static byte[] frame(RpcRequest request, Message message) {
      ByteBuffer out =
          ByteBuffer.allocate(message.requestFrame().length).order(ByteOrder.LITTLE_ENDIAN);
      out.put((byte) request.command().code()).putLong(request.payloadBytes());
      request.encode(out);
      if (request instanceof RpcRequest.GraphCompute compute) {
        out.put(compute.graph().encoded());
      }
      out.put(message.requestFrame(), out.position(), out.remaining()); // the data is streamed
      return out.array();
    }
  }

  @Nested
  class GivenEveryRecordedResponse {
    @Test
    void whenItIsDecodedAndEncoded_thenTheBytesAreTheSame() {
      for (Message message : MESSAGES) {
        ByteBuffer payload = message.responsePayload();
        if (payload != null) {
          RpcResponse response = RpcResponse.decode(command(message), payload, payload.remaining());

          ByteBuffer out =
              ByteBuffer.allocate(message.responseFrame().length).order(ByteOrder.LITTLE_ENDIAN);
          out.putLong(response.payloadBytes());
          response.encode(out);
          out.put(message.responseFrame(), out.position(), out.remaining());
          assertThat(out.array()).as("%s", message).isEqualTo(message.responseFrame());
          assertThat(response.answers(command(message))).isTrue();
        }
      }
    }

    @Test
    void whenItIsDecoded_thenTheFieldsAreThoseOfTheIndex() {
      for (Message message : MESSAGES) {
        ByteBuffer payload = message.responsePayload();
        assertThat(command(message).answered()).as("%s", message).isEqualTo(payload != null);
        if (payload != null) {
          assertThat(decode(message).responseBytes()).isEqualTo(payload.remaining());
          compareResponse(
              RpcResponse.decode(command(message), payload, payload.remaining()), message);
        }
      }
    }
  }

  private static RpcCommand command(Message message) {
    return RpcCommand.ofCode(message.code()).orElseThrow();
  }

  private static RpcRequest decode(Message message) {
    RpcCommand command = command(message);
    assertThat(command).hasToString(message.command());
    ByteBuffer payload = message.requestPayload();
    return RpcRequest.decode(command, payload, payload.remaining());
  }

  private static void compareRequest(RpcRequest request, Message message) {
    Expect expect = new Expect(message);
    switch (request) {
      case RpcRequest.AllocBuffer r -> expect.number("device", r.device()).number("size", r.size());
      case RpcRequest.GetAlignment r -> expect.number("device", r.device());
      case RpcRequest.GetMaxSize r -> expect.number("device", r.device());
      case RpcRequest.BufferGetBase r -> expect.hex("remote_ptr", r.buffer());
      case RpcRequest.FreeBuffer r -> expect.hex("remote_ptr", r.buffer());
      case RpcRequest.BufferClear r ->
          expect.hex("remote_ptr", r.buffer()).number("value", r.value());
      case RpcRequest.SetTensor r ->
          expect
              .tensor(r.tensor())
              .number("cache_flag", r.cache() ? 1 : 0)
              .number("offset", r.offset())
              .number("data_len", r.dataBytes());
      case RpcRequest.SetTensorHash r ->
          expect.tensor(r.tensor()).number("offset", r.offset()).bareHex("hash", r.hash());
      case RpcRequest.GetTensor r ->
          expect.tensor(r.tensor()).number("offset", r.offset()).number("size", r.size());
      case RpcRequest.CopyTensor r ->
          expect.tensor("src", r.source()).tensor("dst", r.destination());
      case RpcRequest.GraphCompute r ->
          expect
              .number("device", r.device())
              .number("uid", r.uid())
              .number("n_nodes", r.graph().nodeCount())
              .number("n_tensors", r.graph().tensorCount());
      case RpcRequest.GetDeviceMemory r -> expect.number("device", r.device());
      case RpcRequest.InitTensor r -> expect.tensor(r.tensor());
      case RpcRequest.GetAllocSize r ->
          expect
              .number("device", r.device())
              .tensor(r.tensor())
              .number("n_srcs", r.sources().stream().filter(s -> !s.isNull()).count());
      case RpcRequest.Hello r -> {
        assertThat(r.capabilities()).isEqualTo(Capabilities.NONE);
        assertThat(r.capabilities().tcpOnly()).isTrue();
        assertThat(message.fields().get("caps").asText()).matches("0{48}");
      }
      case RpcRequest.DeviceCount _ -> assertThat(message.requestFrame()).hasSize(9);
      case RpcRequest.GraphRecompute r ->
          expect.number("device", r.device()).number("uid", r.uid());
      case RpcRequest.MemsetTensor r -> expect.tensor(r.tensor());
      case RpcRequest.SetTensor2d r ->
          expect
              .tensor(r.tensor())
              .number("offset", r.offset())
              .number("size", r.pieceBytes())
              .number("n_copies", r.pieces())
              .number("stride", r.stride());
      case RpcRequest.GetTensor2d r ->
          expect
              .tensor(r.tensor())
              .number("offset", r.offset())
              .number("size", r.pieceBytes())
              .number("n_copies", r.pieces())
              .number("stride", r.stride());
      case RpcRequest.CommInit r ->
          expect
              .number("device", r.device())
              .number("rank", r.rank())
              .number("world", r.world())
              .number("port", r.port())
              .text("host", r.host());
      case RpcRequest.CommAllreduce r -> expect.number("device", r.device()).tensor(r.tensor());
      case RpcRequest.CommFree r -> expect.number("device", r.device());
      case RouteRequest r -> throw new AssertionError("Stock programs never send " + r);
    }
  }

  private static void compareResponse(RpcResponse response, Message message) {
    Expect expect = new Expect(message);
    switch (response) {
      case RpcResponse.AllocatedBuffer r ->
          expect.hex("remote_ptr", r.buffer()).number("remote_size", r.size());
      case RpcResponse.Alignment r -> expect.number("value", r.bytes());
      case RpcResponse.MaxSize r -> expect.number("value", r.bytes());
      case RpcResponse.BufferBase r -> expect.hex("base", r.address());
      case RpcResponse.TensorHashed r -> expect.number("result", r.found() ? 1 : 0);
      case RpcResponse.TensorData r ->
          assertThat(r.bytes()).isEqualTo(message.responseFrame().length - 8L);
      case RpcResponse.TensorCopied r -> expect.number("result", r.done() ? 1 : 0);
      case RpcResponse.DeviceMemory r -> expect.number("free", r.free()).number("total", r.total());
      case RpcResponse.AllocSize r -> expect.number("alloc_size", r.bytes());
      case RpcResponse.HelloAccepted r -> {
        assertThat(r.version()).isEqualTo(ProtocolVersion.V8_0);
        assertThat(r.capabilities()).isEqualTo(Capabilities.NONE);
      }
      case RpcResponse.DeviceCounted r -> expect.number("count", r.count());
      case RpcResponse.CommInitialized r -> expect.number("ok", r.ok() ? 1 : 0);
      case RouteResponse r -> throw new AssertionError("Stock programs never send " + r);
    }
  }

  /** The index's view of one message. */
  private record Expect(Message message) {
    private JsonNode field(String name) {
      JsonNode field = message.fields().get(name);
      assertThat(field).as("%s %s", message, name).isNotNull();
      return field;
    }

    Expect number(String name, long actual) {
      assertThat(Long.toUnsignedString(actual))
          .as("%s %s", message, name)
          .isEqualTo(field(name).asText());
      return this;
    }

    Expect hex(String name, long actual) {
      assertThat("0x" + Long.toHexString(actual))
          .as("%s %s", message, name)
          .isEqualTo(field(name).asText());
      return this;
    }

    Expect bareHex(String name, long actual) {
      assertThat(HexFormat.of().toHexDigits(actual)).isEqualTo(field(name).asText());
      return this;
    }

    Expect text(String name, String actual) {
      assertThat(actual).isEqualTo(field(name).asText());
      return this;
    }

    Expect tensor(RpcTensor actual) {
      return tensor("tensor", actual);
    }

    Expect tensor(String name, RpcTensor actual) {
      JsonNode json = field(name);
      List<String> sources = new ArrayList<>();
      for (int i = 0; i < RpcTensor.MAX_SOURCES; i++) {
        if (actual.source(i) != 0) {
          sources.add("0x" + Long.toHexString(actual.source(i)));
        }
      }
      List<String> expected = new ArrayList<>();
      json.get("src").forEach(source -> expected.add(source.asText()));
      assertThat(sources).as("%s", message).isEqualTo(expected);
      assertThat(actual.name()).isEqualTo(json.get("name").asText());
      assertThat("0x" + Long.toHexString(actual.id())).isEqualTo(json.get("id").asText());
      assertThat("0x" + Long.toHexString(actual.buffer())).isEqualTo(json.get("buffer").asText());
      assertThat("0x" + Long.toHexString(actual.data())).isEqualTo(json.get("data").asText());
      assertThat("0x" + Long.toHexString(actual.viewSource()))
          .isEqualTo(json.get("view_src").asText());
      assertThat(actual.viewOffset()).isEqualTo(json.get("view_offs").asLong());
      assertThat(actual.type()).isEqualTo(json.get("type").asInt());
      assertThat(actual.op()).isEqualTo(json.get("op").asInt());
      assertThat(actual.flags()).isEqualTo(json.get("flags").asInt());
      assertThat(actual.useCount()).isEqualTo(json.get("use_count").asInt());
      for (int i = 0; i < 4; i++) {
        assertThat(actual.ne(i)).isEqualTo(json.get("ne").get(i).asLong());
        assertThat(actual.nb(i)).isEqualTo(json.get("nb").get(i).asLong());
        assertThat(actual.shape().ne(i)).isEqualTo(actual.ne(i));
        assertThat(actual.shape().nb(i)).isEqualTo(actual.nb(i));
      }
      assertThat(actual.toBuilder().build()).isEqualTo(actual);
      return this;
    }
  }
}
