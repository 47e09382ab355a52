// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Collectors;

/** Configurations as JSON: strict, and with sentences that name file and field. Any thread. */
final class JsonFile {

  private static final ObjectMapper STRICT =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
          .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          // Jackson's own way is an absolute file: address, which is no plain name of a program.
          .addModule(new SimpleModule().addSerializer(Path.class, ToStringSerializer.instance))
          .build();

  private static final ObjectMapper LENIENT =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  private JsonFile() {}

  /**
   * Reads a configuration.
   *
   * @param kind what it is, for the sentences, such as {@code Head configuration}
   * @throws HeadException with {@link HeadReason#CONFIG_INVALID}
   */
  static <T> T read(Path file, Class<T> type, String kind) {
    try {
      return STRICT.readValue(Files.readString(file), type);
    } catch (JsonMappingException e) {
      throw invalid(kind, file, fieldOf(e) + sentenceOf(e), e);
    } catch (JsonProcessingException e) {
      throw invalid(
          kind, file, "line " + e.getLocation().getLineNr() + ": " + e.getOriginalMessage(), e);
    } catch (NoSuchFileException e) {
      throw invalid(kind, file, "there is no such file", e);
    } catch (IOException e) {
      throw invalid(kind, file, "cannot be read: " + e.getMessage(), e);
    }
  }

  /** Writes a configuration for people and programs. */
  static String write(Object value) {
    try {
      return STRICT.writerWithDefaultPrettyPrinter().writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(value.getClass() + " cannot be written as JSON", e);
    }
  }

  /** Writes what is said, on one line. */
  static String say(Object value) {
    try {
      return LENIENT.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(value.getClass() + " cannot be written as JSON", e);
    }
  }

  /**
   * Reads what another program says; what is unknown is passed over.
   *
   * @throws IOException when it is not of this kind
   */
  static <T> T hear(String json, Class<T> type) throws IOException {
    return LENIENT.readValue(json, type);
  }

  private static HeadException invalid(String kind, Path file, String what, Exception cause) {
    return new HeadException(
        HeadReason.CONFIG_INVALID, kind + " " + file + ": " + what + ".", cause);
  }

  private static String fieldOf(JsonMappingException e) {
    String path =
        e.getPath().stream()
            .map(
                at ->
                    at.getFieldName() == null ? "[" + at.getIndex() + "]" : "." + at.getFieldName())
            .collect(Collectors.joining());
    return path.isEmpty() ? "" : path.replaceFirst("^\\.", "") + ": ";
  }

  private static String sentenceOf(JsonMappingException e) {
    return switch (e) {
      case UnrecognizedPropertyException unknown ->
          "unknown field; known here: "
              + unknown.getKnownPropertyIds().stream()
                  .map(String::valueOf)
                  .sorted()
                  .collect(Collectors.joining(", "));
      case ValueInstantiationException value when value.getCause() != null ->
          String.valueOf(value.getCause().getMessage());
      default -> e.getOriginalMessage();
    };
  }
}
