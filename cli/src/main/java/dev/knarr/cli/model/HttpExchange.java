// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * One answer to a GET, redirects followed, its body not yet read.
 *
 * @param status of the last hop
 * @param url of the last hop
 * @param body of the last hop; closing it ends the transfer
 * @param linkedHash the publisher's sha256, which Hugging Face tells in the hop that redirects
 */
record HttpExchange(
    int status, URI url, HttpHeaders headers, InputStream body, Optional<String> linkedHash)
    implements AutoCloseable {
  private static final int MOST_REDIRECTS = 10;
  private static final Pattern SHA256 = Pattern.compile("\"?([0-9a-fA-F]{64})\"?");
  private static final Pattern REPR_DIGEST = Pattern.compile("sha-256=:([^:]+):");
  private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (\\d+)-\\d+/(\\d+|\\*)");

  /**
   * Asks for {@code download} and follows redirects by hand, because secret headers may go to the
   * first host only: Hugging Face redirects to storage of others.
   */
  static HttpExchange open(
      HttpClient client, Download download, Map<String, String> headers, TransferLimits limits)
      throws IOException, InterruptedException {
    var url = download.url();
    var hash = Optional.<String>empty();
    for (int hop = 0; hop <= MOST_REDIRECTS; hop++) {
      var request =
          HttpRequest.newBuilder(url)
              .timeout(limits.response())
              .header("User-Agent", "knarr")
              // A compressed body would have another length than the ranges speak of.
              .header("Accept-Encoding", "identity");
      headers.forEach(request::header);
      if (sameOrigin(url, download.url())) {
        download.headers().forEach(request::setHeader);
      }
      var response = client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
      if (sameOrigin(url, download.url())) {
        hash =
            hash.or(() -> header(response, "X-Linked-Etag").flatMap(HttpExchange::sha256))
                .or(() -> header(response, "Repr-Digest").flatMap(HttpExchange::reprDigest));
      }
      var location = header(response, "Location");
      if (!isRedirect(response.statusCode()) || location.isEmpty()) {
        return new HttpExchange(
            response.statusCode(), url, response.headers(), response.body(), hash);
      }
      response.body().close();
      var next = resolve(download, url, location.get());
      if ("https".equalsIgnoreCase(url.getScheme())
          && !"https".equalsIgnoreCase(next.getScheme())) {
        throw new ModelException(
            FetchReason.MODEL_SERVER_UNREACHABLE,
            "%s redirects from https to %s, which anybody on the way could change: correct the address."
                .formatted(download.address(), Download.withoutQuery(next)));
      }
      url = next;
    }
    throw new ModelException(
        FetchReason.MODEL_SERVER_UNREACHABLE,
        "%s redirects more than %d times: correct the address."
            .formatted(download.address(), MOST_REDIRECTS));
  }

  private static URI resolve(Download download, URI url, String location) {
    try {
      var next = url.resolve(location);
      if (ModelSource.isHttp(next)) {
        return next;
      }
    } catch (IllegalArgumentException e) {
      // As bad as an address of another kind.
    }
    throw new ModelException(
        FetchReason.MODEL_SERVER_UNREACHABLE,
        "%s redirects to something that is no address of http or https: correct the address."
            .formatted(download.address()));
  }

  /** What the answer says about the file. */
  FileRecord describe(Download download) {
    var validator =
        headers
            .firstValue("ETag")
            .filter(tag -> !tag.startsWith("W/"))
            .or(() -> headers.firstValue("Last-Modified"))
            .orElse("");
    return new FileRecord(
        download.address(), validator, linkedHash.orElse(""), totalBytes().orElse(-1));
  }

  /** The size of the whole file. */
  OptionalLong totalBytes() {
    if (status == 206) {
      var matcher = CONTENT_RANGE.matcher(headers.firstValue("Content-Range").orElse(""));
      return matcher.matches() && !"*".equals(matcher.group(2))
          ? OptionalLong.of(Long.parseLong(matcher.group(2)))
          : OptionalLong.empty();
    }
    return headers.firstValueAsLong("Content-Length");
  }

  /** Where a partial answer begins; empty where it does not say. */
  OptionalLong rangeStart() {
    var matcher = CONTENT_RANGE.matcher(headers.firstValue("Content-Range").orElse(""));
    return matcher.matches()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)))
        : OptionalLong.empty();
  }

  @Override
  public void close() throws IOException {
    body.close();
  }

  private static boolean isRedirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  }

  static boolean sameOrigin(URI one, URI other) {
    return one.getScheme().equalsIgnoreCase(other.getScheme())
        && one.getHost().equalsIgnoreCase(other.getHost())
        && port(one) == port(other);
  }

  private static int port(URI url) {
    if (url.getPort() >= 0) {
      return url.getPort();
    }
    return "https".equalsIgnoreCase(url.getScheme()) ? 443 : 80;
  }

  private static Optional<String> header(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name);
  }

  private static Optional<String> sha256(String tag) {
    var matcher = SHA256.matcher(tag);
    return matcher.matches()
        ? Optional.of(matcher.group(1).toLowerCase(java.util.Locale.ROOT))
        : Optional.empty();
  }

  private static Optional<String> reprDigest(String value) {
    var matcher = REPR_DIGEST.matcher(value);
    if (!matcher.find()) {
      return Optional.empty();
    }
    try {
      var digest = Base64.getDecoder().decode(matcher.group(1));
      return digest.length == 32 ? Optional.of(HexFormat.of().formatHex(digest)) : Optional.empty();
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
