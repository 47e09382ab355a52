// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import org.jspecify.annotations.Nullable;

/**
 * Who answers at an address. Immutable.
 *
 * @param clusterUid for which InferenceCluster
 * @param revision of the configuration that is in force there
 * @param podUid in which pod
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record AnswerIdentity(
    @Nullable String clusterUid, @Nullable String revision, @Nullable String podUid) {}
