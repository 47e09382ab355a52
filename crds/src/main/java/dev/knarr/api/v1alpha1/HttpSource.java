// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A file on a web server. Fetching resumes after a break. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "!has(self.sha256) || !has(self.partSha256)",
    message = Sentences.ONE_SHA256,
    fieldPath = ".partSha256")
public class HttpSource {
  /**
   * The address, http:// or https://. Required. For a model in parts the address of the first; the
   * names of the others follow from it.
   */
  @Required
  @Size(max = 2048)
  @ValidationRule(value = Cel.URL, message = Sentences.URL)
  private @Nullable String url;

  /** The expected SHA-256 of a model in one file, 64 hexadecimal digits. Default: not checked. */
  @Size(max = 256)
  @ValidationRule(value = Cel.SHA256, message = Sentences.SHA256)
  private @Nullable String sha256;

  /** The expected SHA-256 of each part of a model in parts, in order. Default: not checked. */
  @Size(max = 1024)
  @EachItem(@ValidationRule(value = Cel.SHA256, message = Sentences.SHA256))
  private @Nullable List<@Size(max = 256) String> partSha256;

  /**
   * A Secret whose entries are sent as request headers, such as Authorization. Default: none.
   * Kubernetes only.
   */
  private @Nullable SecretReference headersSecretRef;

  public @Nullable String getUrl() {
    return url;
  }

  public void setUrl(@Nullable String url) {
    this.url = url;
  }

  public @Nullable String getSha256() {
    return sha256;
  }

  public void setSha256(@Nullable String sha256) {
    this.sha256 = sha256;
  }

  public @Nullable List<String> getPartSha256() {
    return partSha256;
  }

  public void setPartSha256(@Nullable List<String> partSha256) {
    this.partSha256 = partSha256;
  }

  public @Nullable SecretReference getHeadersSecretRef() {
    return headersSecretRef;
  }

  public void setHeadersSecretRef(@Nullable SecretReference headersSecretRef) {
    this.headersSecretRef = headersSecretRef;
  }
}
