// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.Varint;
import dev.knarr.rpc.transport.TlsChannel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One connection, blocking. One thread may read while another writes; {@link #close} may come from
 * any thread and ends both.
 *
 * <p>It owns the byte channel and two direct buffers of 64 KiB, which {@link #close} gives back.
 * Small messages that arrive together are taken with one read; what is written goes out with {@link
 * RpcServerChannel#flush} or when the buffer is full. Large data goes straight between the channel
 * and the caller's direct buffer. The byte channel must be in blocking mode and must end a blocked
 * read when it is closed, as sockets and what a {@code Transport} makes of them do.
 */
public abstract sealed class RpcChannel implements AutoCloseable
    permits RpcServerChannel, RpcClientChannel {
  static final int BUFFER_BYTES = 1 << 16;

  /** From this size on data skips our buffer: below it a copy is cheaper than a call. */
  private static final int STRAIGHT_BYTES = 1 << 14;

  /** A call returns only when all of it is on its way, and a watchdog wants to see it get on. */
  private static final int WRITE_BYTES = 1 << 18;

  final ReentrantLock readLock = new ReentrantLock();
  final ReentrantLock writeLock = new ReentrantLock();
  final WireLimits limits;
  final FrameMeter meter;

  final TransferProgress reading = new TransferProgress();
  final TransferProgress writing = new TransferProgress();

  private final ByteChannel channel;
  private final String peer;
  private final Arena arena = Arena.ofShared();

  /** Guarded by readLock; what lies between position and limit has arrived and is not read yet. */
  private final ByteBuffer in = allocate();

  /** Guarded by writeLock; what lies before position is to be written. */
  private final ByteBuffer out = allocate();

  RpcChannel(ByteChannel channel, WireLimits limits, FrameMeter meter) {
    this.channel = channel;
    this.limits = limits;
    this.meter = meter;
    this.peer = describe(channel);
    in.limit(0);
  }

  private ByteBuffer allocate() {
    return arena.allocate(BUFFER_BYTES, 64).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  private static String describe(ByteChannel channel) {
    try {
      return switch (channel) {
        case TlsChannel tls -> describe(tls.socket());
        case SocketChannel socket when socket.getRemoteAddress() != null ->
            socket.getRemoteAddress().toString().replaceFirst("^.*/", "");
        default -> "peer";
      };
    } catch (IOException _) {
      return "peer";
    }
  }

  /** The other side as host and port, for logs. */
  public final String peer() {
    return peer;
  }

  /** Whether bytes of a further message have been read from the channel already. */
  public final boolean hasBufferedInput() {
    return in.hasRemaining();
  }

  /**
   * Makes at least so many bytes readable in one piece, with as few reads as possible.
   *
   * @return false when the stream ended before the first of them
   */
  final boolean fill(int bytes) throws IOException {
    requireOpen();
    if (in.remaining() >= bytes) {
      return true;
    }
    in.compact();
    try {
      while (in.position() < bytes) {
        if (read(in) < 0) {
          if (in.position() == 0) {
            return false;
          }
          throw truncated();
        }
      }
      return true;
    } finally {
      in.flip();
    }
  }

  /** As {@link #fill}, inside a frame, where the stream must not end. */
  final ByteBuffer require(int bytes) throws IOException {
    if (!fill(bytes)) {
      throw truncated();
    }
    return in;
  }

  /** A number of the router protocol, inside a frame. */
  final long requireVarint() throws IOException {
    int bytes = 1;
    while (true) {
      ByteBuffer from = require(bytes);
      if (from.get(from.position() + bytes - 1) >= 0 || bytes == Varint.MAX_BYTES) {
        return Varint.get(from);
      }
      bytes++;
    }
  }

  static long requestFraming(boolean routed, long payloadBytes) {
    return routed ? 1 + Varint.bytes(payloadBytes) : RpcCommand.REQUEST_FRAMING_BYTES;
  }

  static long responseFraming(boolean routed, long payloadBytes) {
    return routed ? 1 + Varint.bytes(payloadBytes) : RpcCommand.RESPONSE_FRAMING_BYTES;
  }

  /** Fills the rest of the buffer, straight from the channel when that is worth it. */
  final void readFully(ByteBuffer destination) throws IOException {
    requireOpen();
    drainTo(destination);
    while (destination.hasRemaining()) {
      if (destination.isDirect() && destination.remaining() >= STRAIGHT_BYTES) {
        if (read(destination) < 0) {
          throw truncated();
        }
      } else {
        require(1);
        drainTo(destination);
      }
    }
  }

  private int read(ByteBuffer destination) throws IOException {
    int bytes = 0;
    reading.callBegins();
    try {
      bytes = channel.read(destination);
      return bytes;
    } finally {
      reading.callEnds(bytes);
    }
  }

  private void drainTo(ByteBuffer destination) {
    int bytes = Math.min(in.remaining(), destination.remaining());
    if (bytes > 0) {
      int at = in.position();
      destination.put(destination.position(), in, at, bytes);
      destination.position(destination.position() + bytes);
      in.position(at + bytes);
    }
  }

  /** Reads and drops. */
  final void skipFully(long bytes) throws IOException {
    long left = bytes;
    while (left > 0) {
      int now = (int) Math.min(left, require(1).remaining());
      in.position(in.position() + now);
      left -= now;
    }
  }

  /** Room for so many bytes, at most a few kilobytes, in the buffer to write from. */
  final ByteBuffer room(int bytes) throws IOException {
    requireOpen();
    if (out.remaining() < bytes) {
      writeBuffered();
    }
    return out;
  }

  /**
   * Writes the rest of the buffer: fills ours first, so that a small head and its data leave
   * together.
   */
  final void writeFully(ByteBuffer source) throws IOException {
    requireOpen();
    while (source.hasRemaining()) {
      if (out.position() == 0 && source.isDirect() && source.remaining() >= BUFFER_BYTES) {
        drain(source);
      } else {
        int bytes = Math.min(out.remaining(), source.remaining());
        out.put(out.position(), source, source.position(), bytes);
        out.position(out.position() + bytes);
        source.position(source.position() + bytes);
        if (!out.hasRemaining()) {
          writeBuffered();
        }
      }
    }
  }

  final void writeBuffered() throws IOException {
    requireOpen();
    out.flip();
    try {
      drain(out);
    } finally {
      out.compact();
    }
  }

  private void drain(ByteBuffer source) throws IOException {
    int end = source.limit();
    while (source.position() < end) {
      int bytes = 0;
      writing.callBegins();
      try {
        source.limit(Math.min(end, source.position() + WRITE_BYTES));
        bytes = channel.write(source);
      } finally {
        writing.callEnds(bytes);
        source.limit(end);
      }
    }
  }

  final RpcProtocolException truncated() {
    return new RpcProtocolException(
        ProtocolFault.TRUNCATED, "Connection to %s ended inside a message".formatted(peer));
  }

  final void requireOpen() throws ClosedChannelException {
    if (!arena.scope().isAlive()) {
      throw new ClosedChannelException();
    }
  }

  /** Gives back what a kind of channel has beside its buffers; once, with both locks held. */
  void closed() {}

  /** Closes the connection and gives the buffers back; a second call does nothing. */
  @Override
  public final void close() throws IOException {
    try {
      channel.close();
    } finally {
      // A thread blocked in the channel leaves it now; only then may its buffer go.
      readLock.lock();
      writeLock.lock();
      try {
        if (arena.scope().isAlive()) {
          arena.close();
          closed();
        }
      } finally {
        writeLock.unlock();
        readLock.unlock();
      }
    }
  }
}
