// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.util.concurrent.locks.ReentrantLock;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLException;

/**
 * TLS over a connected, blocking socket. {@link #handshake} comes first; then one thread may read
 * while another writes. {@link #close}, or closing the socket, may come from any thread and ends
 * both; neither says goodbye, since every message of the RPC protocol says its own length.
 *
 * <p>Records are on the heap and large data is decrypted straight into, and encrypted straight
 * from, the caller's buffer: the JDK's AES-GCM works on arrays and copies what is not in one.
 */
public final class TlsChannel implements ByteChannel {
  /** Four full records in one call of the socket; measured in docs/decisions/0008. */
  private static final int RECORDS = 4;

  /** The first byte of a connection with TLS (RFC 8446, 5.1). */
  public static final int HANDSHAKE = 0x16;

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0).asReadOnlyBuffer();

  /** A record with the alert "unexpected message" (RFC 8446, 6). */
  private static final byte[] UNEXPECTED = {0x15, 3, 3, 0, 2, 2, 10};

  private final SocketChannel socket;
  private final SSLEngine engine;
  private final ReentrantLock readLock = new ReentrantLock();
  private final ReentrantLock writeLock = new ReentrantLock();

  /** Guarded by readLock: records that have arrived, between position and limit. */
  private final ByteBuffer arrived;

  /** Guarded by readLock: decrypted bytes that the last caller had no room for. */
  private final ByteBuffer plain;

  /** Guarded by writeLock: records to be sent, before the position. */
  private final ByteBuffer leaving;

  private TlsChannel(SocketChannel socket, SSLEngine engine) {
    this.socket = socket;
    this.engine = engine;
    int record = engine.getSession().getPacketBufferSize();
    this.arrived = ByteBuffer.allocate(RECORDS * record).limit(0);
    this.leaving = ByteBuffer.allocate(RECORDS * record);
    this.plain = ByteBuffer.allocate(engine.getSession().getApplicationBufferSize()).limit(0);
  }

  /** TLS with this engine over a connected socket in blocking mode. */
  public static TlsChannel over(SocketChannel socket, SSLEngine engine) {
    return new TlsChannel(socket, engine);
  }

  /** What tells a peer, in TLS, that one of the two sides speaks TLS and the other does not. */
  public static ByteBuffer unexpected() {
    return ByteBuffer.wrap(UNEXPECTED).asReadOnlyBuffer();
  }

  /** Whether bytes that a client got instead of an answer are {@link #unexpected}. */
  public static boolean isAlert(byte first, byte second) {
    return first == UNEXPECTED[0] && second == UNEXPECTED[1];
  }

  /** The socket below, for its options and for ending everything from outside. */
  public SocketChannel socket() {
    return socket;
  }

  /** What was agreed and who the peer is; valid after the handshake. */
  public SSLEngine engine() {
    return engine;
  }

  /**
   * Agrees on keys and checks certificates; blocks until that is done or the socket is closed.
   *
   * @throws TlsException when the peer cannot be talked to, with the reason and the remedy
   */
  public void handshake() throws IOException {
    readLock.lock();
    writeLock.lock();
    try {
      if (!engine.getUseClientMode()) {
        requireTls();
      }
      engine.beginHandshake();
      for (var status = engine.getHandshakeStatus();
          status != HandshakeStatus.NOT_HANDSHAKING && status != HandshakeStatus.FINISHED;
          status = engine.getHandshakeStatus()) {
        step(status);
      }
    } catch (SSLException e) {
      throw failed(e);
    } finally {
      writeLock.unlock();
      readLock.unlock();
    }
  }

  /** A client that does not speak TLS is told so in TLS, which ours understands. */
  private void requireTls() throws IOException {
    if (!receive()) {
      throw TlsException.gone(engine.getUseClientMode());
    }
    if (arrived.get(arrived.position()) != HANDSHAKE) {
      socket.write(unexpected());
      throw TlsException.plainPeer(false);
    }
  }

  private void step(HandshakeStatus status) throws IOException {
    switch (status) {
      case NEED_TASK -> runTasks();
      case NEED_WRAP -> {
        encrypt(NOTHING);
        send();
      }
      case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> {
        var result = engine.unwrap(arrived, plain.clear());
        plain.flip();
        switch (result.getStatus()) {
          case BUFFER_UNDERFLOW -> {
            if (!receive()) {
              throw TlsException.gone(engine.getUseClientMode());
            }
          }
          case CLOSED -> throw TlsException.gone(engine.getUseClientMode());
          case OK, BUFFER_OVERFLOW -> {
            // Goes on with whatever the engine needs next.
          }
        }
      }
      case FINISHED, NOT_HANDSHAKING -> {
        // The loop ends.
      }
    }
  }

  private void runTasks() {
    for (var task = engine.getDelegatedTask(); task != null; task = engine.getDelegatedTask()) {
      task.run();
    }
  }

  @Override
  public int read(ByteBuffer destination) throws IOException {
    readLock.lock();
    try {
      if (plain.hasRemaining()) {
        return drainTo(destination);
      }
      int before = destination.position();
      while (destination.position() == before && destination.hasRemaining()) {
        if (!decryptTo(destination)) {
          return -1;
        }
      }
      return destination.position() - before;
    } catch (SSLException e) {
      throw failed(e);
    } finally {
      readLock.unlock();
    }
  }

  private int drainTo(ByteBuffer destination) {
    int bytes = Math.min(plain.remaining(), destination.remaining());
    destination.put(destination.position(), plain, plain.position(), bytes);
    destination.position(destination.position() + bytes);
    plain.position(plain.position() + bytes);
    return bytes;
  }

  /**
   * Decrypts all records that are here and fit; receives more if there was none. False at the end.
   */
  private boolean decryptTo(ByteBuffer destination) throws IOException {
    int before = destination.position();
    while (true) {
      boolean straight = destination.remaining() >= plain.capacity();
      if (!straight && destination.position() != before) {
        return true;
      }
      var result = engine.unwrap(arrived, straight ? destination : plain.clear());
      if (!straight) {
        plain.flip();
      }
      afterwards(result);
      switch (result.getStatus()) {
        case OK -> {
          if (!straight && plain.hasRemaining()) {
            drainTo(destination);
            return true;
          }
        }
        case BUFFER_UNDERFLOW -> {
          return destination.position() != before || receive();
        }
        case CLOSED -> {
          return false;
        }
        case BUFFER_OVERFLOW ->
            throw new SSLException("a record of more than %d bytes".formatted(plain.capacity()));
      }
    }
  }

  /**
   * New keys are agreed on now and then, within the data. The answer waits for the writer if there
   * is one: waiting for it here could hold both sides for ever.
   */
  private void afterwards(SSLEngineResult result) throws IOException {
    if (result.getHandshakeStatus() == HandshakeStatus.NEED_TASK) {
      runTasks();
    }
    if (engine.getHandshakeStatus() == HandshakeStatus.NEED_WRAP && writeLock.tryLock()) {
      try {
        encrypt(NOTHING);
        send();
      } finally {
        writeLock.unlock();
      }
    }
  }

  /** Receives at least one byte; false at the end of the stream. */
  private boolean receive() throws IOException {
    arrived.compact();
    try {
      return socket.read(arrived) >= 0;
    } finally {
      arrived.flip();
    }
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    writeLock.lock();
    try {
      int bytes = source.remaining();
      while (source.hasRemaining()) {
        encrypt(source);
        send();
      }
      return bytes;
    } catch (SSLException e) {
      throw failed(e);
    } finally {
      writeLock.unlock();
    }
  }

  /** Makes records of the source, or what the engine wants to say itself, while there is room. */
  private void encrypt(ByteBuffer source) throws IOException {
    do {
      var result = engine.wrap(source, leaving);
      if (result.getHandshakeStatus() == HandshakeStatus.NEED_TASK) {
        runTasks();
      }
      switch (result.getStatus()) {
        case OK -> {
          if (result.bytesProduced() == 0) {
            return;
          }
        }
        case CLOSED -> {
          if (source.hasRemaining()) {
            throw new ClosedChannelException();
          }
        }
        case BUFFER_OVERFLOW, BUFFER_UNDERFLOW -> {
          return;
        }
      }
    } while (source.hasRemaining());
  }

  private void send() throws IOException {
    leaving.flip();
    try {
      while (leaving.hasRemaining()) {
        socket.write(leaving);
      }
    } finally {
      leaving.compact();
    }
  }

  /** Lets the peer know why, as far as TLS has a word for it; then ours can say it in sentences. */
  private IOException failed(SSLException e) {
    if (writeLock.tryLock()) {
      try {
        engine.closeOutbound();
        encrypt(NOTHING);
        send();
      } catch (IOException sending) {
        e.addSuppressed(sending);
      } finally {
        writeLock.unlock();
      }
    }
    return TlsException.of(e, engine);
  }

  /** Says that nothing more will be written; reading goes on. */
  public void shutdownOutput() throws IOException {
    writeLock.lock();
    try {
      engine.closeOutbound();
      encrypt(NOTHING);
      send();
      socket.shutdownOutput();
    } finally {
      writeLock.unlock();
    }
  }

  @Override
  public boolean isOpen() {
    return socket.isOpen();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
