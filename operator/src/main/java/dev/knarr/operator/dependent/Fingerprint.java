// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Short hashes of what objects hold; the order of entries in maps does not matter. */
final class Fingerprint {
  private static final int DIGITS = 16;
  private static final KubernetesSerialization KUBERNETES = new KubernetesSerialization();
  private static final ObjectMapper SORTED =
      JsonMapper.builder().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS).build();

  private Fingerprint() {}

  /** Sixteen hexadecimal digits of Kubernetes objects, strings, and collections of them. */
  static String of(Object content) {
    try {
      var plain = KUBERNETES.convertValue(content, Object.class);
      var hash =
          MessageDigest.getInstance("SHA-256")
              .digest(SORTED.writeValueAsString(plain).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash).substring(0, DIGITS);
    } catch (JsonProcessingException | NoSuchAlgorithmException e) {
      throw new IllegalStateException("An object has no fingerprint", e);
    }
  }

  /** Eight hexadecimal digits, as names have room for. */
  static String brief(Object content) {
    return of(content).substring(0, DIGITS / 2);
  }
}
