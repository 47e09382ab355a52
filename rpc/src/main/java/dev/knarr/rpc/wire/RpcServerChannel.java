// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static dev.knarr.rpc.ProtocolFault.HELLO_EXPECTED;

import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.Varint;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.transport.TlsChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The server's side of a connection: reads requests, writes their answers in order. One thread
 * reads and one, the same or another, writes.
 *
 * <p>After any {@link RpcProtocolException} or {@link IOException} the stream has no defined place
 * any more: close the channel.
 */
public final class RpcServerChannel extends RpcChannel {
  /** First piece of a graph's memory; more is taken only as its bytes really arrive. */
  private static final int FIRST_GRAPH_BYTES = 1 << 18;

  private final ProtocolEdition edition = ProtocolEdition.CURRENT;
  private final ResponseTracker tracker;
  private final MessageBudget budget;
  private MessageBudget.@Nullable Share held;
  private boolean greeted;
  private volatile boolean routed;
  private long dataRemaining;
  private long dataOwed;
  private @Nullable RpcResponse lastResponse;

  private RpcServerChannel(
      ByteChannel channel, WireLimits limits, MessageBudget budget, FrameMeter meter) {
    super(channel, limits, meter);
    this.tracker = new ResponseTracker(limits);
    this.budget = budget;
  }

  /**
   * Takes over a connected channel in blocking mode.
   *
   * @param budget what the messages that are held in memory are taken from
   */
  public static RpcServerChannel over(
      ByteChannel channel, WireLimits limits, MessageBudget budget, FrameMeter meter) {
    return new RpcServerChannel(channel, limits, budget, meter);
  }

  /**
   * From the next message on, both directions have the framing of the router protocol, and its
   * commands. Between two requests only, with all answers written.
   */
  public void speakToRouter() {
    routed = true;
  }

  /** How the reading of requests gets on; any thread. */
  public TransferProgress reading() {
    return reading;
  }

  /** How the writing of answers gets on; any thread. */
  public TransferProgress writing() {
    return writing;
  }

  /**
   * Waits for the next request. Data that follows it must be read or skipped before the next call,
   * which also gives back the budget of the request before: the caller must have let go of it.
   *
   * @return null when the client closed the connection between two messages
   * @throws RpcProtocolException when the message must be refused
   */
  public @Nullable RpcRequest readRequest() throws IOException {
    readLock.lock();
    try {
      if (dataRemaining != 0) {
        throw new IllegalStateException(
            "Data of the last request has not been read: %d bytes".formatted(dataRemaining));
      }
      releaseMessage();
      if (!fill(1)) {
        return null;
      }
      reading.messageBegins();
      RpcRequest request = readFrame();
      endUnlessDataFollows();
      return request;
    } finally {
      readLock.unlock();
    }
  }

  private RpcRequest readFrame() throws IOException {
    ByteBuffer in = require(1);
    RpcCommand command = FrameRules.command(in.get() & 0xff, edition, routed);
    try {
      requireGreeting(command);
      long bytes = routed ? requireVarint() : require(Long.BYTES).getLong();
      FrameRules.requestLength(command, bytes, limits);
      RpcRequest request = readPayload(command, bytes);
      long answerBytes = request.responseBytes();
      FrameRules.responseLimit(Math.max(0, answerBytes), limits);
      tracker.expect(command, answerBytes);
      meter.frame(command, Direction.REQUEST, requestFraming(routed, bytes) + bytes);
      return request;
    } catch (RpcProtocolException e) {
      throw e.during(command);
    }
  }

  private void requireGreeting(RpcCommand command) throws IOException {
    if (!greeted && command.code() == TlsChannel.HANDSHAKE) {
      room(TlsChannel.unexpected().remaining()).put(TlsChannel.unexpected());
      flush();
      throw new RpcProtocolException(
          HELLO_EXPECTED,
          "The peer begins with TLS, and this port is plain: give the worker --tls-cert and --tls-key, or leave --tls-ca out");
    }
    if (greeted == (command == RpcCommand.HELLO)) {
      throw new RpcProtocolException(
          HELLO_EXPECTED,
          greeted
              ? "HELLO must come once"
              : "The first command must be HELLO; the peer is older than protocol 1, or no RPC client");
    }
    greeted = true;
  }

  private RpcRequest readPayload(RpcCommand command, long bytes) throws IOException {
    if (command == RpcCommand.GRAPH_COMPUTE) {
      return readGraph((int) bytes);
    }
    if (command.routed()) {
      RouteRequest request = readRouted(command, bytes);
      dataRemaining = request.dataBytes();
      return request;
    }
    RpcRequest request = RpcRequest.decode(command, require((int) command.requestBytes()), bytes);
    dataRemaining = bytes - command.requestBytes();
    return request;
  }

  private RouteRequest readRouted(RpcCommand command, long bytes) throws IOException {
    ByteBuffer in = require((int) Math.min(bytes, RouteRequest.MAX_HEAD_BYTES));
    int arrived = in.limit();
    // What is behind the message must not be taken for a part of it.
    in.limit((int) Math.min(arrived, in.position() + bytes));
    try {
      return (RouteRequest) RpcRequest.decode(command, in, bytes);
    } finally {
      in.limit(arrived);
    }
  }

  /**
   * Reads all of the last request's data into memory that counts as that of a message, until the
   * next request is read.
   *
   * @param besides bytes that the caller needs for as long
   */
  public byte[] readHeldData(long besides) throws IOException {
    readLock.lock();
    try {
      var share = budget.share(dataRemaining + besides);
      held = share;
      share.growTo(dataRemaining + besides);
      byte[] data = new byte[Math.toIntExact(dataRemaining)];
      readData(ByteBuffer.wrap(data));
      return data;
    } finally {
      readLock.unlock();
    }
  }

  private RpcRequest readGraph(int bytes) throws IOException {
    ByteBuffer in = require(RpcRequest.GraphCompute.HEAD_BYTES);
    int device = in.getInt();
    long uid = in.getLong();
    int graphBytes = bytes - RpcRequest.GraphCompute.HEAD_BYTES;
    reading.messageIsHeld();
    var share = budget.share(graphBytes);
    held = share;
    byte[] graph = new byte[0];
    while (graph.length < graphBytes) {
      int have = graph.length;
      int next = (int) Math.min(graphBytes, Math.max(FIRST_GRAPH_BYTES, 2L * have));
      share.growTo(next);
      graph = Arrays.copyOf(graph, next);
      readFully(ByteBuffer.wrap(graph, have, next - have));
    }
    return new RpcRequest.GraphCompute(
        device, uid, ComputeGraph.decode(graph, limits.maxGraphNodes(), limits.maxGraphTensors()));
  }

  private void endUnlessDataFollows() {
    if (dataRemaining == 0) {
      reading.messageEnds();
    }
  }

  /**
   * Gives back what the last message has taken of the budget; only when nobody uses it any more.
   */
  private void releaseMessage() {
    var share = held;
    if (share != null) {
      share.giveBack();
      held = null;
    }
  }

  @Override
  void closed() {
    releaseMessage();
  }

  /** Bytes of data of the last request that have not been read. */
  public long dataRemaining() {
    return dataRemaining;
  }

  /**
   * Fills the rest of the buffer with data of the last request. A direct buffer gets large data
   * without a copy.
   *
   * @throws IllegalArgumentException when there is less data than room
   */
  public void readData(ByteBuffer destination) throws IOException {
    readLock.lock();
    try {
      int bytes = destination.remaining();
      requireAtMost(bytes, dataRemaining);
      dataRemaining -= bytes;
      readFully(destination);
      endUnlessDataFollows();
    } finally {
      readLock.unlock();
    }
  }

  /** Reads and drops what is left of the last request's data. */
  public void skipData() throws IOException {
    readLock.lock();
    try {
      long bytes = dataRemaining;
      dataRemaining = 0;
      skipFully(bytes);
      reading.messageEnds();
    } finally {
      readLock.unlock();
    }
  }

  /**
   * Puts an answer into the buffer. After a {@link RpcResponse.TensorData} its bytes must follow.
   *
   * @throws IllegalStateException when it is not the answer that the oldest request asked for
   */
  public void write(RpcResponse response) throws IOException {
    writeLock.lock();
    try {
      requireNothingOwed();
      ResponseTracker.Expected expected = tracker.peek();
      long bytes = response.payloadBytes();
      if (expected == null || !response.answers(expected.command()) || expected.bytes() != bytes) {
        throw new IllegalStateException(
            "%s is not the answer that is due: %s".formatted(response, expected));
      }
      tracker.poll();
      lastResponse = response;
      writing.messageBegins();
      ByteBuffer out = room(RpcCommand.RESPONSE_FRAMING_BYTES + 64);
      begin(out, expected.command(), bytes);
      response.encode(out);
      if (response instanceof RpcResponse.TensorData) {
        dataOwed = bytes;
      }
      meter.frame(expected.command(), Direction.RESPONSE, responseFraming(routed, bytes) + bytes);
    } finally {
      writeLock.unlock();
    }
  }

  private void begin(ByteBuffer out, RpcCommand command, long bytes) {
    if (routed) {
      out.put((byte) command.code());
      Varint.put(out, bytes);
    } else {
      out.putLong(bytes);
    }
  }

  /** Says to a router what it has not asked for, between two answers. */
  public void notice(RpcCommand command, RouteResponse notice) throws IOException {
    writeLock.lock();
    try {
      requireNothingOwed();
      long bytes = notice.payloadBytes();
      ByteBuffer out = room(RpcCommand.RESPONSE_FRAMING_BYTES + 64);
      begin(out, command, bytes);
      notice.encode(out);
      meter.frame(command, Direction.RESPONSE, responseFraming(true, bytes) + bytes);
      writeBuffered();
    } finally {
      writeLock.unlock();
    }
  }

  /** The answer written last, or null before the first. The thread that writes. */
  public @Nullable RpcResponse lastResponse() {
    return lastResponse;
  }

  /** Begins the answer to a read of a tensor; so many bytes must follow by {@link #writeData}. */
  public void beginData(long bytes) throws IOException {
    write(new RpcResponse.TensorData(bytes));
  }

  /** Writes the rest of the buffer as data of the answer begun last. */
  public void writeData(ByteBuffer source) throws IOException {
    writeLock.lock();
    try {
      int bytes = source.remaining();
      requireAtMost(bytes, dataOwed);
      dataOwed -= bytes;
      writeFully(source);
    } finally {
      writeLock.unlock();
    }
  }

  /** Sends everything that is buffered. */
  public void flush() throws IOException {
    writeLock.lock();
    try {
      writeBuffered();
    } finally {
      writeLock.unlock();
    }
  }

  private void requireNothingOwed() {
    if (dataOwed != 0) {
      throw new IllegalStateException(
          "Data of the last answer has not been written: %d bytes".formatted(dataOwed));
    }
  }

  private static void requireAtMost(int bytes, long open) {
    if (bytes > open) {
      throw new IllegalArgumentException(
          "%d bytes of data asked for, %d are open".formatted(bytes, open));
    }
  }
}
