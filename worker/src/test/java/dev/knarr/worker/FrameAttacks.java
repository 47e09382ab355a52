// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static dev.knarr.rpc.ProtocolFault.BAD_FIELD;
import static dev.knarr.rpc.ProtocolFault.BAD_GRAPH;
import static dev.knarr.rpc.ProtocolFault.BUDGET_EXCEEDED;
import static dev.knarr.rpc.ProtocolFault.FRAME_SIZE;
import static dev.knarr.rpc.ProtocolFault.FRAME_TOO_LARGE;
import static dev.knarr.rpc.ProtocolFault.HELLO_EXPECTED;
import static dev.knarr.rpc.ProtocolFault.TRUNCATED;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_COMMAND;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_DEVICE;
import static dev.knarr.rpc.ProtocolFault.UNKNOWN_GRAPH;
import static dev.knarr.rpc.ProtocolFault.VERSION_MISMATCH;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcRequest;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;

/** Attacks on the framing: greetings, commands, announced lengths, device numbers. */
final class FrameAttacks {
  private static final long MAX_UINT64 = -1;

  private FrameAttacks() {}

  static Stream<Attack> all() {
    return Stream.of(greetings(), frames(), graphs(), devices()).flatMap(attacks -> attacks);
  }

  private static Stream<Attack> greetings() {
    byte[] hello = Frames.of(RpcCommand.HELLO, new byte[24]);
    return Stream.of(
        Attack.ungreeted(
            "another command before HELLO",
            HELLO_EXPECTED,
            Frames.of(RpcCommand.DEVICE_COUNT, new byte[0])),
        Attack.ungreeted(
            "HELLO without capabilities, as of protocol 3",
            VERSION_MISMATCH,
            Frames.of(RpcCommand.HELLO, new byte[0])),
        Attack.ungreeted(
            "HELLO of 23 bytes", FRAME_SIZE, Frames.of(RpcCommand.HELLO, new byte[23])),
        Attack.ungreeted(
            "HELLO of 2^64 - 1 bytes", FRAME_TOO_LARGE, Frames.announcing(14, MAX_UINT64)),
        Attack.ungreeted(
            "a web browser",
            UNKNOWN_COMMAND,
            "GET / HTTP/1.1\r\nHost: worker\r\n\r\n".getBytes(StandardCharsets.US_ASCII)),
        Attack.ungreeted(
            "24 bytes meant for a communicator", FRAME_TOO_LARGE, capabilitiesOfAnother()),
        Attack.bytes("HELLO twice", HELLO_EXPECTED, hello));
  }

  /** What rank 1 of a tensor split sends to a port it takes for rank 0's. */
  private static byte[] capabilitiesOfAnother() {
    return ByteBuffer.allocate(24).put((byte) 14).putLong(MAX_UINT64).array();
  }

  private static Stream<Attack> frames() {
    return Stream.of(
        Attack.bytes(
            "command 23, which clients use inside only", UNKNOWN_COMMAND, Frames.announcing(23, 0)),
        Attack.bytes("command 255", UNKNOWN_COMMAND, Frames.announcing(255, 0)),
        Attack.bytes("a short frame", FRAME_SIZE, Frames.of(RpcCommand.GET_ALIGNMENT, new byte[3])),
        Attack.bytes("a long frame", FRAME_SIZE, Frames.of(RpcCommand.DEVICE_COUNT, new byte[1])),
        Attack.bytes(
            "a fixed command of 2^64 - 1 bytes",
            FRAME_TOO_LARGE,
            Frames.announcing(RpcCommand.FREE_BUFFER.code(), MAX_UINT64)),
        Attack.bytes(
            "SET_TENSOR without room for its head",
            FRAME_SIZE,
            Frames.of(RpcCommand.SET_TENSOR, new byte[304])),
        Attack.bytes(
            "SET_TENSOR of 2^64 - 1 bytes",
            FRAME_TOO_LARGE,
            Frames.announcing(RpcCommand.SET_TENSOR.code(), MAX_UINT64)),
        Attack.bytes(
            "SET_TENSOR of 2^63 bytes",
            FRAME_TOO_LARGE,
            Frames.announcing(RpcCommand.SET_TENSOR.code(), Long.MIN_VALUE)),
        Attack.bytes(
            "SET_TENSOR_2D without room for its head",
            FRAME_SIZE,
            Frames.of(RpcCommand.SET_TENSOR_2D, new byte[327])),
        Attack.of(
            "an end inside a frame",
            TRUNCATED,
            client -> {
              client.sendBytes(Frames.announcing(RpcCommand.FREE_BUFFER.code(), 8, (byte) 1));
              client.endSending();
            }),
        Attack.bytes("COMM_INIT with a host that never ends", BAD_FIELD, endlessHost()));
  }

  private static byte[] endlessHost() {
    var payload = Frames.buffer(80).putInt(0).putInt(1).putInt(2).putInt(51_000);
    while (payload.hasRemaining()) {
      payload.put((byte) 'h');
    }
    return Frames.of(RpcCommand.COMM_INIT, payload);
  }

  private static Stream<Attack> graphs() {
    return Stream.of(
        Attack.bytes(
            "a graph of 2^64 - 1 bytes",
            FRAME_TOO_LARGE,
            Frames.announcing(RpcCommand.GRAPH_COMPUTE.code(), MAX_UINT64)),
        Attack.bytes(
            "a graph of 2^40 bytes",
            FRAME_TOO_LARGE,
            Frames.announcing(RpcCommand.GRAPH_COMPUTE.code(), 1L << 40)),
        Attack.bytes(
            "a graph without room for its head",
            FRAME_SIZE,
            Frames.of(RpcCommand.GRAPH_COMPUTE, new byte[19])),
        Attack.bytes("a graph of 2^32 - 1 nodes", BUDGET_EXCEEDED, counts(-1, 0)),
        Attack.bytes("a graph of 2^32 - 1 descriptors", BUDGET_EXCEEDED, counts(0, -1)),
        Attack.bytes("a graph with more nodes than bytes", BAD_GRAPH, counts(1000, 0)),
        Attack.bytes("a graph with more descriptors than bytes", BAD_GRAPH, counts(0, 1000)),
        Attack.bytes(
            "a graph with bytes behind its descriptors",
            BAD_GRAPH,
            Frames.of(RpcCommand.GRAPH_COMPUTE, new byte[21])),
        Attack.of("a graph that was never sent", UNKNOWN_GRAPH, client -> client.recompute(0, 77)));
  }

  private static byte[] counts(int nodes, int tensors) {
    return Frames.of(
        RpcCommand.GRAPH_COMPUTE,
        Frames.buffer(20).putInt(0).putLong(1).putInt(nodes).putInt(tensors));
  }

  private static Stream<Attack> devices() {
    return Stream.of(
            new RpcRequest.GetAlignment(2),
            new RpcRequest.GetMaxSize(-1),
            new RpcRequest.GetDeviceMemory(2),
            new RpcRequest.AllocBuffer(Integer.MAX_VALUE, 64),
            new RpcRequest.GraphRecompute(Integer.MIN_VALUE, 1),
            new RpcRequest.CommFree(2))
        .map(
            request ->
                Attack.of(
                    request.command() + " of a device that does not exist",
                    UNKNOWN_DEVICE,
                    client -> {
                      client.channel().send(request);
                      client.channel().flush();
                    }));
  }
}
