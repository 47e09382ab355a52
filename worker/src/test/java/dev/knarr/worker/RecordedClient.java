// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.testkit.CapturedSession.Connection;
import dev.knarr.testkit.CapturedSession.Message;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Plays what a recorded client sent to a server of today, with handles and addresses translated
 * from those of the recording to those that the server gives out.
 */
final class RecordedClient implements AutoCloseable {
  private static final int TENSOR_BYTES = 296;
  private static final int TENSOR_BUFFER = 12;
  private static final int TENSOR_DATA = 220;

  private final Socket socket;
  private final DataInputStream answers;
  private final Map<Long, Long> handles = new HashMap<>();
  private final Map<Long, Long> bases = new HashMap<>();

  RecordedClient(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(60_000);
    answers = new DataInputStream(socket.getInputStream());
    handles.put(0L, 0L);
  }

  /** Receives each answer, beside the recorded one. */
  @FunctionalInterface
  interface Answers {
    void answered(Message message, ByteBuffer recorded, ByteBuffer received);
  }

  void play(Connection connection, Answers consumer) throws IOException {
    for (var message : connection.messages()) {
      byte[] frame = message.requestFrame().clone();
      translate(message, ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN));
      socket.getOutputStream().write(frame);
      var recorded = message.responsePayload();
      if (recorded != null) {
        var received = receive();
        learn(message, recorded, received);
        consumer.answered(message, recorded, received);
      }
    }
  }

  private ByteBuffer receive() throws IOException {
    byte[] payload = new byte[(int) Long.reverseBytes(answers.readLong())];
    answers.readFully(payload);
    return ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void learn(Message message, ByteBuffer recorded, ByteBuffer received) {
    switch (message.command()) {
      case "ALLOC_BUFFER" -> handles.put(recorded.getLong(0), received.getLong(0));
      case "BUFFER_GET_BASE" ->
          bases.put(message.requestPayload().getLong(0), received.getLong(0) - recorded.getLong(0));
      default -> {}
    }
  }

  private void translate(Message message, ByteBuffer frame) {
    int body = 9;
    switch (message.command()) {
      case "BUFFER_GET_BASE", "FREE_BUFFER", "BUFFER_CLEAR" ->
          frame.putLong(body, known(handles, frame.getLong(body)));
      case "SET_TENSOR",
          "SET_TENSOR_HASH",
          "GET_TENSOR",
          "INIT_TENSOR",
          "MEMSET_TENSOR",
          "SET_TENSOR_2D",
          "GET_TENSOR_2D" ->
          tensor(frame, body);
      case "COPY_TENSOR" -> {
        tensor(frame, body);
        tensor(frame, body + TENSOR_BYTES);
      }
      case "GET_ALLOC_SIZE" -> {
        for (int i = 0; i <= 10; i++) {
          tensor(frame, body + 4 + i * TENSOR_BYTES);
        }
      }
      case "GRAPH_COMPUTE" -> {
        int tensors = body + 16 + 8 * frame.getInt(body + 12);
        for (int i = 0; i < frame.getInt(tensors); i++) {
          tensor(frame, tensors + 4 + i * TENSOR_BYTES);
        }
      }
      default -> {}
    }
  }

  private void tensor(ByteBuffer frame, int at) {
    long handle = frame.getLong(at + TENSOR_BUFFER);
    if (handle != 0) {
      frame.putLong(at + TENSOR_BUFFER, known(handles, handle));
      frame.putLong(at + TENSOR_DATA, frame.getLong(at + TENSOR_DATA) + known(bases, handle));
    }
  }

  private static long known(Map<Long, Long> translation, long recorded) {
    return Objects.requireNonNull(translation.get(recorded), "a handle never handed out");
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
