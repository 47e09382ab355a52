// SPDX-License-Identifier: Apache-2.0
/**
 * The InferenceCluster kind, version v1alpha1: plain beans that Jackson fills, the rules they must
 * meet, and the resolved form with all defaults. Start at {@link
 * dev.knarr.api.v1alpha1.InferenceCluster}; files are read by {@link
 * dev.knarr.api.v1alpha1.InferenceClusterFile}. Local mode and Kubernetes use the same types and
 * rules.
 */
@NullMarked
package dev.knarr.api.v1alpha1;

import org.jspecify.annotations.NullMarked;
