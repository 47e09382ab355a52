// SPDX-License-Identifier: Apache-2.0
package dev.knarr.testkit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A session recorded between unmodified llama.cpp programs: all bytes of all its connections, and
 * what each message says. {@code vectors/README.md} beside the data explains the recordings.
 * Immutable; any thread.
 *
 * @param name folder of the recording
 * @param protocol version spoken
 * @param connections in the order they were opened, of server A before those of server B
 */
public record CapturedSession(String name, String protocol, List<Connection> connections) {
  private static final List<String> NAMES =
      List.of("single", "twodev", "quant", "cachehit", "tensor");
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * One connection.
   *
   * @param file name of its recording, for instance {@code single/a07}
   * @param server A or B
   * @param requests all bytes from client to server
   * @param responses all bytes back
   */
  @SuppressWarnings("ArrayRecordComponent") // tests compare the bytes, never the records
  public record Connection(
      String file, String server, byte[] requests, byte[] responses, List<Message> messages) {
    @Override
    public String toString() {
      return file;
    }
  }

  /**
   * A request and its answer.
   *
   * @param number on its connection
   * @param code of the command
   * @param command its name, for instance {@code SET_TENSOR}
   * @param requestFrame the request with its framing
   * @param responseFrame the answer with its framing, empty when there is none
   * @param fields the decoded values: handles, addresses and ids as texts in hex
   */
  @SuppressWarnings("ArrayRecordComponent") // tests compare the bytes, never the records
  public record Message(
      String connection,
      int number,
      int code,
      String command,
      byte[] requestFrame,
      byte[] responseFrame,
      JsonNode fields) {
    /** The request's payload, little-endian. */
    public ByteBuffer requestPayload() {
      return payload(requestFrame, 9);
    }

    /** The answer's payload, little-endian; null when there is none. */
    public @Nullable ByteBuffer responsePayload() {
      return responseFrame.length == 0 ? null : payload(responseFrame, 8);
    }

    private static ByteBuffer payload(byte[] frame, int start) {
      return ByteBuffer.wrap(frame, start, frame.length - start)
          .slice()
          .order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public String toString() {
      return "%s #%d %s".formatted(connection, number, command);
    }
  }

  /** Every recording. */
  public static List<CapturedSession> all() {
    return NAMES.stream().map(CapturedSession::named).toList();
  }

  /** The recording in one folder, for instance {@code single}. */
  public static CapturedSession named(String name) {
    try {
      JsonNode index = JSON.readTree(bytes(name + "/index.json"));
      List<Connection> connections = new ArrayList<>();
      for (JsonNode connection : index.get("connections")) {
        connections.add(connection(name, connection));
      }
      return new CapturedSession(name, index.get("protocol").asText(), List.copyOf(connections));
    } catch (IOException e) {
      throw new UncheckedIOException("Recording '" + name + "' cannot be read", e);
    }
  }

  /** Every message of every recording. */
  public static List<Message> allMessages() {
    return all().stream()
        .flatMap(session -> session.connections().stream())
        .flatMap(connection -> connection.messages().stream())
        .toList();
  }

  private static Connection connection(String name, JsonNode json) throws IOException {
    String requestsFile = json.get("c2s").asText();
    byte[] requests = bytes(name + "/" + requestsFile);
    byte[] responses = bytes(name + "/" + json.get("s2c").asText());
    String file = name + "/" + requestsFile.replace(".c2s.bin", "");
    List<Message> messages = new ArrayList<>();
    for (JsonNode message : json.get("messages")) {
      int requestStart = message.get("req_off").asInt();
      int requestEnd = message.get("req_body").asInt() + message.get("req_len").asInt();
      byte[] response = new byte[0];
      if (message.has("rsp_off")) {
        int end = message.get("rsp_body").asInt() + message.get("rsp_len").asInt();
        response = Arrays.copyOfRange(responses, message.get("rsp_off").asInt(), end);
      }
      messages.add(
          new Message(
              file,
              message.get("i").asInt(),
              message.get("cmd").asInt(),
              message.get("name").asText(),
              Arrays.copyOfRange(requests, requestStart, requestEnd),
              response,
              message.get("fields")));
    }
    return new Connection(
        file, json.get("server").asText(), requests, responses, List.copyOf(messages));
  }

  private static byte[] bytes(String path) throws IOException {
    try (InputStream in = CapturedSession.class.getResourceAsStream("/vectors/" + path)) {
      if (in == null) {
        throw new IOException("/vectors/" + path + " is not on the class path");
      }
      return in.readAllBytes();
    }
  }
}
